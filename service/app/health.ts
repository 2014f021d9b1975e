import pLimit from "p-limit";
import type { Page } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type { ServiceStatus, TenantHealth, TenantHealthQuery } from "../../contract/health.ts";
import type { Target } from "../../contract/target.ts";
import type { HealthState } from "../../contract/vocabulary.ts";
import { planeGet } from "../../registry/plane.ts";
import { queueStats } from "../../registry/queue.ts";
import {
  tenantHealthList as registryList,
  targetGet,
  targetObserve,
  targetsMatching,
} from "../../registry/target.ts";
import type { ServiceHealth } from "../cloud/cloudRuntime.ts";
import { limits } from "../config/limits.ts";
import { cloudPlace } from "../operations/dataPlace.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext, ServiceContext } from "./context.ts";

/** The inventory, and what is observed of it: as last seen, or asked of the cloud now. */
export async function tenantHealthList(
  context: RequestContext,
  query: TenantHealthQuery,
): Promise<Page<TenantHealth>> {
  await authorize(context, "tenantHealthList");
  const page = await context.registry.read((db) => registryList(db, query));
  if (!query.fresh) return page;
  const limit = pLimit(limits.healthConcurrency);
  const items = await Promise.all(page.items.map((item) => limit(() => refreshed(context, item))));
  return { ...page, items };
}

async function refreshed(context: ServiceContext, item: TenantHealth): Promise<TenantHealth> {
  const target = await context.registry.read((db) => targetGet(db, item.targetId));
  const seen = await observeTarget(context, target);
  if (seen === undefined) return item;
  const { health, healthReason, healthCheckedAt } = await context.registry.read((db) =>
    targetGet(db, item.targetId),
  );
  const services = seen.map(({ arn: _arn, steady: _steady, ...service }) => service);
  return { ...item, health, healthReason, healthCheckedAt, services };
}

/** Asks the cloud about every target that should run; a target that cannot be asked does not stop the others. */
export async function observeFleet(service: ServiceContext): Promise<void> {
  const deploymentStates = ["ready", "updating", "suspended", "failed"] as const;
  const targets = await service.registry.read((db) => targetsMatching(db, { deploymentStates }));
  const limit = pLimit(limits.healthConcurrency);
  await Promise.all(targets.map((target) => limit(() => observeTarget(service, target))));
}

/** Undefined when there is nothing to be asked about, or the cloud does not answer. */
export async function observeTarget(
  service: ServiceContext,
  target: Target,
): Promise<readonly ServiceHealth[] | undefined> {
  const { clusterName: cluster, tenantId, targetId } = target;
  if (cluster === null || !runsWorkloads(target)) return undefined;
  try {
    const plane = await service.registry.read((db) => planeGet(db, target.planeName));
    const place = cloudPlace(plane, service.settings);
    const services = await service.cloud.serviceHealth({ ...place, cluster, tenantId });
    const { health, reason } = healthOf(services);
    const isNews = health !== target.health || reason !== target.healthReason || isStale(service, target);
    if (isNews) {
      const seen = { health, healthReason: reason };
      await service.registry.record((record) => targetObserve(record, targetId, seen));
    }
    return services;
  } catch (thrown) {
    service.log.warn({ err: thrown, targetId }, "cannot read the health of a target");
    return undefined;
  }
}

/** A tenant whose access alone is blocked goes on working. */
function runsWorkloads({ requestedState, suspensionMode }: Target): boolean {
  return requestedState === "present" || (requestedState === "suspended" && suspensionMode === "access");
}

/** An unchanged finding is written again only now and then, so that a quiet fleet does not write all day. */
function isStale(service: ServiceContext, target: Target): boolean {
  const at = target.healthCheckedAt === null ? 0 : Date.parse(target.healthCheckedAt);
  return Date.now() - at >= service.settings.healthPollMs;
}

export function healthOf(services: readonly ServiceHealth[]): { health: HealthState; reason: string | null } {
  if (services.length === 0) return { health: "down", reason: "the cloud has none of the tenant's services" };
  const sick = services.filter((service) => !service.healthy);
  if (sick.length === 0) return { health: "healthy", reason: null };
  const reason = sick
    .map(({ name, running, desired, reason }) => `${name}: ${reason ?? `${running} of ${desired} running`}`)
    .join("; ");
  const dead = services.every((service) => service.desired > 0 && service.running === 0);
  return { health: dead ? "down" : "degraded", reason };
}

export function serviceHealth(version: string): ServiceStatus {
  return { status: "ok", version };
}

/** Ready when the registry answers and the service is not on its way out. */
export async function serviceReadiness(
  context: ServiceContext,
  version: string,
  stopping: boolean,
): Promise<ServiceStatus> {
  const registry = await context.registry
    .read((db) => db.selectFrom("schemaMigrations").select("number").limit(1).execute())
    .then(() => true)
    .catch(() => false);
  if (stopping || !registry) {
    throw new ProblemError("not_ready", {
      detail: stopping ? "The service is stopping." : "The registry does not answer.",
      hint: stopping ? "Send requests to another instance." : "See the service's log.",
    });
  }
  const full = context.storage.problem();
  const storage = full === undefined ? { ok: true } : { ok: false, detail: full.message };
  return {
    status: "ok",
    version,
    checks: [
      { name: "registry", ok: true },
      { name: "storage", ...storage },
      { name: "policies", ...policiesCheck(context) },
    ],
  };
}

/** Without newer policies the service goes on with those it has; without any it answers, and denies every change. */
function policiesCheck({ policy }: ServiceContext): { ok: boolean; detail?: string } {
  const { problem } = policy.status;
  if (problem === null) return { ok: true };
  const kept = policy.current === null ? "none hold, and every change is denied" : "the last good ones hold";
  return { ok: false, detail: `The policies of ${policy.status.source} are not taken; ${kept}.` };
}

/** Brings the figures of the queue up to now, for whoever reads /metrics; without the registry they stay as they were. */
export async function observeQueue({ registry, metrics, storage, log }: ServiceContext): Promise<void> {
  metrics.readOnly.set(storage.problem() === undefined ? 0 : 1);
  try {
    const { queued, oldestQueuedAt, running } = await registry.read(queueStats);
    metrics.operationsQueued.set(queued);
    const lagMs = oldestQueuedAt === null ? 0 : Date.now() - Date.parse(oldestQueuedAt);
    metrics.queueLagSeconds.set(Math.max(0, lagMs) / 1000);
    metrics.planeRunning.reset();
    for (const { planeName, count } of running) metrics.planeRunning.set({ plane: planeName }, count);
  } catch (thrown) {
    log.warn({ err: thrown }, "cannot read the queue for /metrics");
  }
}
