import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type OperationId, routes } from "../contract/routes.ts";
import { processHeartbeat } from "../registry/host.ts";
import { idempotencyPurge } from "../registry/idempotency.ts";
import type { Registry } from "../registry/registry.ts";
import { apiKeyFirst, apiKeyPrincipal } from "./app/apiKey.ts";
import { authorize } from "./app/authorize.ts";
import type { ServiceContext } from "./app/context.ts";
import { observeFleet } from "./app/health.ts";
import { planeEnsureAll } from "./app/plane.ts";
import { createPlaneReads } from "./app/planeReads.ts";
import type { CloudRuntime } from "./cloud/cloudRuntime.ts";
import { limits, type Settings } from "./config.ts";
import type { TenantDatabases } from "./database/tenantDatabases.ts";
import { createScanner } from "./drift/scanner.ts";
import type { Engine } from "./engine/engine.ts";
import type { AnyHandler } from "./http/deps.ts";
import { createHandlers } from "./http/handlers.ts";
import { createIdempotencyStore } from "./http/idempotency.ts";
import { createApp, listen } from "./http/server.ts";
import { createStreams } from "./http/streams.ts";
import type { Logger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createNudges } from "./nudges.ts";
import { destroyDue } from "./operations/decommissionDue.ts";
import { createRunner } from "./operations/runner.ts";
import { createPoll } from "./poll.ts";
import { startProcess } from "./process.ts";
import { createRolloutDriver } from "./rollout/apply.ts";
import { runFoldersPurge } from "./runFolders.ts";
import { createStorage, noticing, type Storage } from "./storage.ts";

/**
 * The control service, put together: requests become changes in the registry (app/), changes become operations, and
 * three reconcilers work those off (operations/, rollout/, drift/). It is given its engine, its cloud and its registry,
 * so a test runs the whole service on stand-ins for the first two.
 *
 * It promises to come back: whatever was under way when it ended, by a signal or by a kill, is taken up again at the
 * next start. It refuses to be two: main.ts locks the data folder.
 */
export interface ServiceParts {
  readonly settings: Settings;
  readonly registry: Registry;
  readonly engine: Engine;
  readonly cloud: CloudRuntime;
  readonly databases: TenantDatabases;
  readonly log: Logger;
  /** Tests: every answer is held against the contract. */
  readonly checkAnswers?: boolean;
}

export interface RunningService {
  readonly url: string;
  /** The first admin key, at the first start of a registry only; it can not be read again. */
  readonly firstAdminKey: string | undefined;
  /** Takes no more requests, lets operations end for `drainMs`, interrupts the rest, closes engine and registry. */
  stop(): Promise<void>;
}

const packageVersion = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;
const openApi: unknown = JSON.parse(
  readFileSync(new URL("../contract/openapi.json", import.meta.url), "utf8"),
);

export async function startService(parts: ServiceParts): Promise<RunningService> {
  const { settings, engine } = parts;
  const registry = noticing(parts.registry, (thrown) => storage.notice(thrown));
  const own = await startProcess({ ...parts, registry });
  const storage: Storage = createStorage({
    ...{ settings, registry, log: parts.log, lookEveryMs: limits.storageLookEveryMs },
    probe: () => registry.record((record) => processHeartbeat(record, own.processId)),
    onRoom: () => runner.wake(),
  });
  const metrics = createMetrics();
  const shared = { nudges: createNudges(), planeReads: createPlaneReads(), metrics };
  const context: ServiceContext = {
    ...{ settings, registry, engine, cloud: parts.cloud, databases: parts.databases, log: parts.log },
    ...{ ...shared, process: own, storage },
    cancelOperation: (operationId) => runner.cancel(operationId),
  };
  const runner = createRunner(context);
  const rollouts = createRolloutDriver(context);
  const scanner = createScanner(context);
  let stopping = false;
  const streams = createStreams(metrics);
  const handlers = createHandlers({ streams, version: packageVersion, isStopping: () => stopping });

  const app = createApp({
    ...{ base: context, routes, openApi, checkAnswers: parts.checkAnswers === true },
    handlers: handlers as unknown as Readonly<Record<string, AnyHandler>>,
    idempotency: createIdempotencyStore(registry),
    authenticate: (secret) => apiKeyPrincipal(context, secret),
    authorize: (request, operationId, tenantId) =>
      authorize(request, operationId as OperationId, typeof tenantId === "string" ? tenantId : undefined),
  });
  const listening = await listen(app, settings);
  // Only now: a start that fails for want of a port must not use up the one time the key is shown.
  const firstAdminKey = await apiKeyFirst(context);
  runner.wake();
  rollouts.wake();
  scanner.wake();
  const purge = createPoll(context, "purge", limits.purgeEveryMs, async () => {
    await registry.record(idempotencyPurge);
    await runFoldersPurge(join(settings.dataDir, "runs"), limits.runFolderKeepMs);
  });
  const health = createPoll(context, "health", settings.healthPollMs, () => observeFleet(context));
  const decommissions = createPoll(context, "decommissions", limits.decommissionEveryMs, () =>
    destroyDue(context),
  );
  void planeEnsureAll(context);

  return {
    url: listening.url,
    firstAdminKey,
    async stop() {
      stopping = true;
      streams.endAll();
      await listening.close(limits.closeGraceMs);
      await Promise.all([
        health.stop(),
        purge.stop(),
        decommissions.stop(),
        rollouts.stop(),
        scanner.stop(),
        runner.stop(settings.drainMs),
      ]);
      await engine.close();
      storage.stop();
      await own.stop();
      await registry.close();
    },
  };
}
