import { ENTITLEMENT_LIMITS, type EntitlementBundle } from "../../contract/entitlement.ts";
import type { KeptBundle } from "../../registry/entitlement.ts";
import type { ServiceContext } from "../app/context.ts";
import { issueBundle } from "./bundle.ts";
import { listedSigner } from "./ownKey.ts";

/**
 * A signature costs more than all else of an answer, so an issue is given out again while it is young: a small part of the
 * staleness bound, and never another version.
 */
const issued = new WeakMap<ServiceContext["nudges"], Map<string, EntitlementBundle>>();

export async function issuedBundle(service: ServiceContext, kept: KeptBundle): Promise<EntitlementBundle> {
  const { nudges, settings } = service;
  const all = issued.get(nudges) ?? new Map<string, EntitlementBundle>();
  issued.set(nudges, all);
  const { tenantId } = kept;
  const before = all.get(tenantId);
  const now = Date.now();
  const youngMs = Math.min(ENTITLEMENT_LIMITS.reissueMs, settings.entitlementStaleMs / 20);
  const age = now - Date.parse(before?.issuedAt ?? "1970-01-01");
  if (before?.version === kept.version && age >= 0 && age < youngMs) return before;
  const bundle = issueBundle(kept, settings, await listedSigner(service), new Date(now).toISOString());
  all.delete(tenantId);
  all.set(tenantId, bundle);
  const [oldest] = all.keys();
  if (all.size > ENTITLEMENT_LIMITS.issuesKept && oldest !== undefined) all.delete(oldest);
  return bundle;
}
