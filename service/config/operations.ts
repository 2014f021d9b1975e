import { setting, whole } from "./setting.ts";

/** How much runs at the same time, and what becomes of it when a process is lost or stops. */
export const operationsSettings = {
  /** How long a claim on an operation or a stack holds unless renewed; it is renewed three times as often. */
  leaseMs: setting(
    "how long a claim on an operation holds without renewal (60000)",
    whole(3_000, 600_000).default(60_000),
  ),
  /** How long before its lease ends a service that cannot renew it stops what it runs, and how long others wait after. */
  killTimeMs: setting(
    "how long a lost service is given to stop what it ran, before and after its lease ends (20000)",
    whole(500, 120_000).default(20_000),
  ),
  concurrency: setting("operations at once in this process (2)", whole(1, 64).default(2)),
  /** Operations that run at the same time in all processes together. */
  planeConcurrency: setting(
    "operations at once on one plane, in all services together (64)",
    whole(1, 1_000).default(64),
  ),
  tenantConcurrency: setting(
    "operations at once for one tenant, in all services together (4)",
    whole(1, 1_000).default(4),
  ),
  /** What an operation is taken to need; it waits while less is free and another runs here. */
  operationMemoryMb: setting(
    "memory an operation is taken to need; the next waits while less is free (280)",
    whole(0, 1_000_000).default(280),
  ),
  /** Less than this free where the data folder lies, and nothing new is begun. */
  diskReserveMb: setting(
    "less than this free in the data folder makes the service read-only (64)",
    whole(0, 1_000_000).default(64),
  ),
  engineWorkers: setting("warm engine processes, about 175 MB each (2)", whole(1, 64).default(2)),
  /** How long an operation waits for the services to become steady and healthy. */
  steadyTimeoutMs: setting(
    "how long an operation waits for healthy services (600000)",
    whole(1_000, 3_600_000).default(600_000),
  ),
  steadyPollMs: setting("how often it looks (1000)", whole(50, 60_000).default(1_000)),
  /** How long a stopping service waits for running operations before it aborts their engine runs. */
  drainMs: setting(
    "how long a stopping service waits for running operations (20000)",
    whole(0, 600_000).default(20_000),
  ),
};
