import type {
  Entitlement,
  EntitlementBundle,
  EntitlementSet,
  Entitlements,
} from "../../contract/entitlement.ts";
import { ENTITLEMENT_LIMITS } from "../../contract/entitlement.ts";
import { evaluateEntitlements } from "../../contract/entitlementEvaluation.ts";
import { ProblemError } from "../../contract/errors.ts";
import { bundleFind, entitlementsRefresh } from "../../registry/entitlement.ts";
import * as overrides from "../../registry/entitlementOverride.ts";
import { capabilityKeys } from "../../registry/plan.ts";
import { planOf } from "../../registry/planBinding.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { refuseDeleted, refuseGone } from "../../registry/tenantProblem.ts";
import { currentBundle, firstBundle } from "../entitlements/expiry.ts";
import { issuedBundle } from "../entitlements/issued.ts";
import { noteKnown, noteSent } from "../entitlements/propagation.ts";
import { entitlementTopic, waitForVersion } from "../entitlements/waits.ts";
import { nearest } from "../manifest/nearest.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { refusePast } from "./refusePast.ts";

export async function entitlementSet(
  context: RequestContext,
  tenantId: string,
  wish: EntitlementSet,
  expectedVersion: number | undefined,
): Promise<Entitlement> {
  await authorize(context, "entitlementSet", tenantId);
  const setting = async (change: Change) => {
    await refuseUnfit(change, tenantId, expectedVersion);
    await refuseUnknown(change.db, tenantId, wish.capabilityKey);
    refusePast(wish.expiresAt ?? undefined, change.now);
    const isWritten = await overrides.entitlementOverrideSet(change, tenantId, wish);
    await refresh(context, change, tenantId, "entitlement.override_set", wish.reason, isWritten);
    const { entitlements } = await entitlementsOf(change.db, tenantId, change.now);
    const set = entitlements.find(({ capabilityKey }) => capabilityKey === wish.capabilityKey);
    if (set === undefined) throw new Error("Cannot set the override: it must be in force once it is set.");
    return set;
  };
  return changeAs(context, setting, { tenantId });
}

export async function entitlementRemove(
  context: RequestContext,
  { tenantId, capabilityKey }: { readonly tenantId: string; readonly capabilityKey: string },
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<Entitlements> {
  await authorize(context, "entitlementRemove", tenantId);
  const removing = async (change: Change) => {
    await refuseUnfit(change, tenantId, expectedVersion);
    const removed = await overrides.entitlementOverrideRemove(change, tenantId, capabilityKey, reason);
    if (removed === undefined) throw noOverride(tenantId, capabilityKey);
    await refresh(context, change, tenantId, "entitlement.override_removed", reason);
    return entitlementsOf(change.db, tenantId, change.now);
  };
  return changeAs(context, removing, { tenantId });
}

export async function entitlementList(
  context: RequestContext,
  tenantId: string,
  source: Entitlement["source"] | undefined,
): Promise<Entitlements> {
  await authorize(context, "entitlementList", tenantId);
  const now = new Date().toISOString();
  const all = await context.registry.read((db) => entitlementsOf(db, tenantId, now));
  if (source === undefined) return all;
  return { ...all, entitlements: all.entitlements.filter((one) => one.source === source) };
}

/** What the caller has, and for how long it would wait for something else. */
export interface BundleKnown {
  readonly version: number | undefined;
  readonly waitMs: number;
  readonly gone: AbortSignal;
}

/** Undefined when the newest is what the caller has. Throws tenant_deleted, so that nobody goes on believing what the tenant could do. */
export async function entitlementBundleGet(
  context: RequestContext,
  tenantId: string,
  { version, waitMs, gone }: BundleKnown,
): Promise<EntitlementBundle | undefined> {
  await authorize(context, "entitlementBundleGet", tenantId);
  if (version !== undefined) noteKnown(context, tenantId, version);
  let kept = (await currentBundle(context, tenantId)) ?? (await firstBundle(context, tenantId));
  refuseDeleted(tenantId, kept.tenantDeletedAt);
  if (kept !== undefined && kept.version === version && waitMs > 0) {
    await waitForVersion(context, tenantId, version, { waitMs, gone });
    kept = (await currentBundle(context, tenantId)) ?? kept;
    refuseDeleted(tenantId, kept.tenantDeletedAt);
  }
  if (kept.version === version) return undefined;
  if (version !== undefined) noteSent(context, tenantId, kept);
  return issuedBundle(context, kept);
}

async function entitlementsOf(db: Reader, tenantId: string, now: string): Promise<Entitlements> {
  const tenant = await tenantGet(db, tenantId);
  const [plan, set, kept] = await Promise.all([
    planOf(db, tenant),
    overrides.entitlementOverrides(db, tenantId),
    bundleFind(db, tenantId),
  ]);
  const byKey = new Map(set.map((override) => [override.capabilityKey, override]));
  const evaluated = evaluateEntitlements(plan.features, set, now).entitlements;
  const entitlements = Object.entries(evaluated).map(([capabilityKey, { enabled, source, onStale }]) => {
    const override = source === "override" ? byKey.get(capabilityKey) : undefined;
    const { reason = null, expiresAt = null } = override ?? {};
    const { updatedBy = plan.createdBy, updatedAt = plan.createdAt } = override ?? {};
    return { capabilityKey, enabled, source, onStale, reason, expiresAt, updatedBy, updatedAt };
  });
  const { plan: key, planVersion } = tenant;
  return { tenantId, plan: key, planVersion, recordVersion: kept?.version ?? 0, entitlements };
}

async function refresh(
  context: RequestContext,
  change: Change,
  tenantId: string,
  because: string,
  reason: string | undefined,
  anew = false,
): Promise<void> {
  await overrides.entitlementOverridesExpire(change, tenantId);
  await entitlementsRefresh(change, await tenantGet(change.db, tenantId), because, reason, anew);
  change.afterCommit(() => context.nudges.nudge(entitlementTopic(tenantId)));
}

async function refuseUnfit(
  change: Change,
  tenantId: string,
  expectedVersion: number | undefined,
): Promise<void> {
  refuseGone(await tenantGet(change.db, tenantId));
  if (expectedVersion === undefined) return;
  const { version = 0 } = (await bundleFind(change.db, tenantId)) ?? {};
  if (version === expectedVersion) return;
  throw new ProblemError("version_conflict", {
    detail: `Cannot change what the tenant may do: it must be at version ${expectedVersion}, but is at ${version}.`,
    hint: "Get the entitlements again, decide on what they say now, and send their recordVersion as If-Match.",
    errors: [{ path: "header.if-match", message: `is not ${version}`, value: expectedVersion }],
  });
}

/** A capability that no plan has ever named is a slip: nothing asks for it. */
async function refuseUnknown(db: Reader, tenantId: string, capabilityKey: string): Promise<void> {
  const [known, set] = await Promise.all([capabilityKeys(db), overrides.entitlementOverrides(db, tenantId)]);
  const isNew = !set.some((override) => override.capabilityKey === capabilityKey);
  if (isNew && set.length >= ENTITLEMENT_LIMITS.overridesPerTenant) {
    throw new ProblemError("too_many_overrides", {
      detail: `Cannot set the override: a tenant may have ${ENTITLEMENT_LIMITS.overridesPerTenant}, and it has ${set.length}.`,
      hint: "Remove overrides that are no longer needed, or make a plan of them.",
      errors: [{ path: "body.capabilityKey", message: "is one override too many", value: capabilityKey }],
    });
  }
  if (known.includes(capabilityKey)) return;
  const meant = nearest(capabilityKey, known);
  throw new ProblemError("unknown_capability", {
    detail: `Cannot set the override: ${capabilityKey} must be a capability that a plan names, and none does.`,
    hint: meant === undefined ? "Apply a catalog whose plans name it first." : `Did you mean ${meant}?`,
    errors: [{ path: "body.capabilityKey", message: "is no plan's capability", value: capabilityKey }],
  });
}

function noOverride(tenantId: string, capabilityKey: string): ProblemError {
  return new ProblemError("entitlement_override_not_found", {
    detail: `Cannot remove the override: tenant ${tenantId} must have one of ${capabilityKey}, and has none.`,
    hint: `List them with GET /v1/control-plane/tenants/${tenantId}/entitlements?source=override.`,
    errors: [{ path: "path.capabilityKey", message: "has no override", value: capabilityKey }],
  });
}
