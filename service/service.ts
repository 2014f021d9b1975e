import { readFileSync } from "node:fs";
import { type OperationId, routes } from "../contract/routes.ts";
import type { OtherHostError } from "../registry/host.ts";
import { idempotencyAbandonAll } from "../registry/idempotency.ts";
import type { Registry } from "../registry/registry.ts";
import { apiKeyFirst, createAuthentication } from "./app/apiKey.ts";
import { refuseRole } from "./app/authorize.ts";
import type { ServiceContext } from "./app/context.ts";
import { refuseEnvironment } from "./app/environmentScope.ts";
import { planeEnsureAll } from "./app/plane.ts";
import { createPlaneReads } from "./app/planeReads.ts";
import { createDecisionLog } from "./audit/decisionLog.ts";
import type { CloudRuntime } from "./cloud/cloudRuntime.ts";
import { limits } from "./config/limits.ts";
import type { Settings } from "./config.ts";
import type { TenantDatabases } from "./database/tenantDatabases.ts";
import { linkProcesses } from "./dispatch/link.ts";
import type { Engine } from "./engine/engine.ts";
import type { AnyHandler } from "./http/deps.ts";
import { governed } from "./http/governed.ts";
import { createHandlers } from "./http/handlers.ts";
import { createIdempotencyStore } from "./http/idempotency.ts";
import { createApp, listen } from "./http/server.ts";
import { createStreams } from "./http/streams.ts";
import type { ImageResolver } from "./images/imageResolver.ts";
import { connectorsOf } from "./integrations/connectors.ts";
import { createRateLimits } from "./limits/rateLimits.ts";
import type { Logger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createNudges, STOPPING } from "./nudges.ts";
import { startPolicies } from "./policy/keeper.ts";
import { startProcess } from "./process.ts";
import { republishAll } from "./routing/publish.ts";
import { createStorage, noticing, type Storage } from "./storage.ts";
import { startTracing } from "./tracing/startTracing.ts";
import { tracedEngine } from "./tracing/tracedEngine.ts";
import { startWork, type Work } from "./work.ts";

/**
 * The control service, put together: requests become changes in the registry (app/), changes become operations, and
 * workers work those off (work.ts). It is given its engine, its cloud and its registry,
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
  readonly images: ImageResolver;
  readonly log: Logger;
  /** The stacks' state lies in a folder, which services on other hosts cannot share. */
  readonly stateInFolder?: boolean;
  /** Called once, when a service on another host has taken this one's place: it must stop, and let nothing end first. */
  onDisplaced?(error: OtherHostError): void;
  /** Tests: every answer is held against the contract. */
  readonly checkAnswers?: boolean;
}

export interface RunningService {
  readonly url: string;
  /** The first admin key, at the first start of a registry only; it can not be read again. */
  readonly firstAdminKey: string | undefined;
  /** Takes no more requests, lets operations end for `drainMs` (as set), interrupts the rest, closes engine and registry. */
  stop(drainMs?: number): Promise<void>;
}

const packageVersion = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;
const openApi: unknown = JSON.parse(
  readFileSync(new URL("../contract/openapi.json", import.meta.url), "utf8"),
);

/** A worker answers for itself only: whoever asks it for the fleet is sent to the wrong door. */
function routesFor({ role }: Settings): typeof routes | Partial<typeof routes> {
  if (role !== "worker") return routes;
  return Object.fromEntries(Object.entries(routes).filter(([, route]) => route.tag === "Service"));
}

export async function startService(parts: ServiceParts): Promise<RunningService> {
  const { settings } = parts;
  const registry = noticing(parts.registry, (thrown) => storage.notice(thrown));
  // One that cannot be read must keep the service from starting, not fail its first request.
  connectorsOf(parts.settings);
  const own = await startProcess(parts);
  const storage: Storage = createStorage({
    ...{ settings, registry, log: parts.log, lookEveryMs: limits.storageLookEveryMs },
    probe: () => own.beat(),
    onRoom: () => work?.wake(),
  });
  const metrics = createMetrics(settings);
  metrics.entitlementBound.set(settings.entitlementPropagationMs / 1_000);
  const { processId } = own;
  const policy = await startPolicies({ settings, registry, metrics, log: parts.log });
  const tracing = await startTracing(settings, { processId, version: packageVersion }, parts.log);
  const engine = tracedEngine(parts.engine, tracing);
  const shared = { nudges: createNudges(), planeReads: createPlaneReads(), metrics, tracing };
  const context: ServiceContext = {
    ...{ settings, registry, engine, cloud: parts.cloud, databases: parts.databases, log: parts.log },
    images: parts.images,
    policy,
    ...{ ...shared, process: own, storage },
    cancelOperation(operationId) {
      work?.cancel(operationId);
      shared.nudges.nudge("cancels");
    },
  };
  let work: Work | undefined;
  let stopping = false;
  const streams = createStreams(metrics);
  const handlers = createHandlers({ streams, version: packageVersion, isStopping: () => stopping });

  const decisions = createDecisionLog(context);
  const rateLimits = createRateLimits(context);
  const app = createApp({
    ...{ base: context, routes: routesFor(settings), openApi, checkAnswers: parts.checkAnswers === true },
    handlers: governed(handlers as unknown as Readonly<Record<string, AnyHandler>>),
    idempotency: createIdempotencyStore(registry),
    limits: rateLimits,
    authenticate: createAuthentication(context),
    authorize: (request, operationId, tenantId) =>
      refuseRole(request, operationId as OperationId, typeof tenantId === "string" ? tenantId : undefined),
    decided: decisions.add,
    refuseEnvironment: (request, operationId, input) =>
      refuseEnvironment(request, operationId as OperationId, input),
  });
  // On SQLite there is no other service that may still answer them.
  if (registry.dialect === "sqlite") await registry.record(idempotencyAbandonAll);
  const listening = await listen(app, settings).catch(async (thrown: unknown) => {
    storage.stop();
    await rateLimits.close();
    await policy.stop();
    await own.stop();
    throw thrown;
  });
  // Only now: a start that fails for want of a port must not use up the one time the key is shown.
  const firstAdminKey = await apiKeyFirst(context);
  const links = await linkProcesses(context);
  if (settings.role === "api") await links.dispatch.start(undefined);
  else work = await startWork(context, links.dispatch);
  void planeEnsureAll(context);
  republishAll(context).catch((thrown: unknown) =>
    parts.log.error({ err: thrown }, "cannot look at the planes' routing at the start"),
  );

  return {
    url: listening.url,
    firstAdminKey,
    async stop(drainMs = settings.drainMs) {
      stopping = true;
      streams.endAll();
      context.nudges.receive(STOPPING);
      await listening.close(limits.closeGraceMs);
      if (work === undefined) await links.dispatch.stop();
      else await work.stop(drainMs);
      await decisions.stop();
      await engine.close();
      storage.stop();
      await rateLimits.close();
      await policy.stop();
      await own.stop();
      // What was given back is for others to take up now.
      context.nudges.nudge("operations");
      await links.stop();
      await registry.close();
      await tracing.stop();
    },
  };
}
