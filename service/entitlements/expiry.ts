import { randomUUID } from "node:crypto";
import { bundleFind, bundlesDue, entitlementsRefresh, type FoundBundle } from "../../registry/entitlement.ts";
import { entitlementOverridesExpire } from "../../registry/entitlementOverride.ts";
import type { Change } from "../../registry/registry.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { refuseDeleted } from "../../registry/tenantProblem.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { entitlementTopic } from "./waits.ts";

/**
 * Ends the overrides whose time is over, of as many tenants as there are: the version moves, audited and told like any change. One
 * tenant that cannot be written keeps no other's from ending; it fails the pass when all others are done.
 */
export async function endOverrides(service: ServiceContext): Promise<void> {
  const { registry } = service;
  const now = new Date().toISOString();
  for (;;) {
    const due = await registry.read((db) => bundlesDue(db, now, limits.entitlementsDueAtOnce));
    const outcomes: PromiseSettledResult<boolean>[] = [];
    for (const tenantId of due) outcomes.push(...(await Promise.allSettled([expireOf(service, tenantId)])));
    // None may have: where the registry's clock is behind ours, nothing is over yet by its time.
    if (outcomes.some((one) => one.status === "fulfilled" && one.value)) continue;
    const failed = outcomes.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return;
  }
}

/** Of a tenant that came into the registry past its making, such as by a restored table. Throws tenant_deleted. */
export async function firstBundle({ registry }: ServiceContext, tenantId: string): Promise<FoundBundle> {
  const requestId = randomUUID();
  const evaluating = async (change: Change) => {
    const tenant = await tenantGet(change.db, tenantId);
    refuseDeleted(tenantId, tenant.deletedAt);
    await entitlementsRefresh(change, tenant, "entitlement.evaluated");
    return bundleFind(change.db, tenantId);
  };
  // Looked up before a change is opened, which would have to be about a tenant that there is.
  await registry.read((db) => tenantGet(db, tenantId));
  const cause = controllerFor({ requestId, correlationId: requestId });
  const kept = await registry.change(cause, evaluating, { tenantId });
  if (kept === undefined) throw new Error("Cannot evaluate: what was evaluated must be kept.");
  return kept;
}

/** Whether anything was over by the registry's clock. */
async function expireOf({ registry, nudges }: ServiceContext, tenantId: string): Promise<boolean> {
  const requestId = randomUUID();
  const cause = controllerFor({ requestId, correlationId: requestId });
  return registry.change(
    cause,
    async (change) => {
      const before = await bundleFind(change.db, tenantId);
      if (before?.nextChangeAt == null || before.nextChangeAt > change.now) return false;
      await entitlementOverridesExpire(change, tenantId);
      const tenant = await tenantGet(change.db, tenantId);
      await entitlementsRefresh(change, tenant, "entitlement.override_expired");
      change.afterCommit(() => nudges.nudge(entitlementTopic(tenantId)));
      return true;
    },
    { tenantId },
  );
}

/**
 * What is kept of the tenant, after what is over has been ended: a reader need not wait for the next pass. While nothing can be
 * written it is what was; entries carry their own end, so readers decide the same.
 */
export async function currentBundle(
  service: ServiceContext,
  tenantId: string,
): Promise<FoundBundle | undefined> {
  const find = () => service.registry.read((db) => bundleFind(db, tenantId));
  const kept = await find();
  if (kept?.nextChangeAt == null || kept.nextChangeAt > new Date().toISOString()) return kept;
  try {
    return (await expireOf(service, tenantId)) ? await find() : kept;
  } catch (thrown) {
    service.log.warn({ err: thrown, tenantId }, "cannot end an override whose time is over");
    return kept;
  }
}
