import type { EntitlementBundle } from "../../contract/entitlement.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import type { KeptBundle } from "../../registry/entitlement.ts";
import type { Settings } from "../config.ts";
import type { Signer } from "../signing/signer.ts";

/**
 * Bundles of entitlements: what a tenant may do, signed, for services to keep and to decide by without asking.
 *
 * It promises: a bundle says whose it is, which version, when it was issued and for how long it is to be believed, all of it signed
 * with the key that GET /signing-keys lists; a version only ever grows. A change reaches a reader that asks as often as
 * the bundle says within the propagation bound, and one that hears nothing knows when to stop believing what it has. It
 * refuses to issue what was not kept: what is signed is what the change that caused it wrote (registry/entitlement.ts).
 *
 * Beside it: issued.ts gives one out again while it is young, waits.ts holds requests until a version comes, expiry.ts ends
 * overrides whose time is over, propagation.ts measures how long changes take. A reader in plain Node is in examples/entitlements/.
 */
export type BundleSettings = Pick<Settings, "entitlementPropagationMs" | "entitlementStaleMs">;

export function issueBundle(
  { tenantId, version, content, changedAt }: KeptBundle,
  { entitlementPropagationMs, entitlementStaleMs }: BundleSettings,
  signer: Signer,
  issuedAt: string,
): EntitlementBundle {
  const said = {
    kind: "entitlement_bundle" as const,
    formatVersion: 1 as const,
    ...{ tenantId, version, plan: content.plan, planVersion: content.planVersion },
    entitlements: content.entitlements,
    ...{ changedAt, issuedAt },
    refreshAfterMs: Math.floor(entitlementPropagationMs / 2),
    staleAfterMs: entitlementStaleMs,
  };
  return { ...said, keyId: signer.keyId, signature: signer.sign(canonicalJson(said)) };
}
