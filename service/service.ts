import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type OperationId, routes } from "../contract/routes.ts";
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
import { createRunner } from "./operations/runner.ts";
import { createStackLocks } from "./operations/stackLocks.ts";
import { createPoll } from "./poll.ts";
import { createRolloutDriver } from "./rollout/apply.ts";
import { runFoldersPurge } from "./runFolders.ts";

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
  const { settings, registry, engine } = parts;
  const locks = createStackLocks();
  const metrics = createMetrics();
  const shared = { nudges: createNudges(), planeReads: createPlaneReads(), metrics };
  const context: ServiceContext = {
    ...{ settings, registry, engine, cloud: parts.cloud, log: parts.log },
    ...shared,
    cancelOperation: (operationId) => runner.cancel(operationId),
  };
  const runner = createRunner(context, locks);
  const rollouts = createRolloutDriver(context);
  const scanner = createScanner(context, locks);
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
  await runner.resume();
  runner.wake();
  rollouts.wake();
  scanner.wake();
  const purge = createPoll(context, "purge", limits.purgeEveryMs, async () => {
    await registry.record(idempotencyPurge);
    await runFoldersPurge(join(settings.dataDir, "runs"), limits.runFolderKeepMs);
  });
  const health = createPoll(context, "health", settings.healthPollMs, () => observeFleet(context));
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
        rollouts.stop(),
        scanner.stop(),
        runner.stop(settings.drainMs),
      ]);
      await engine.close();
      await registry.close();
    },
  };
}
