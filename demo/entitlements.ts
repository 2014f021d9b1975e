import type { Page } from "../contract/common.ts";
import type { SigningKey } from "../contract/decommission.ts";
import type { Entitlement } from "../contract/entitlement.ts";
import type { Tenant } from "../contract/tenant.ts";
import { allows, judgeBundle } from "../examples/entitlements/bundle.ts";
import { createEntitlementReader } from "../examples/entitlements/reader.ts";
import type { Api } from "./api.ts";
import { pinnedKey, shortId } from "./keys.ts";
import { check, line, step } from "./terminal.ts";

const CAPABILITY = "audit-export";
/** As the service is set by default. */
const BOUND_MS = 60_000;

/**
 * A tenant is given what its plan does not have. The judge is the reader that services copy (examples/entitlements): it knows the
 * public key and believes nothing else. Gives back how long it took from the
 * request for the change until the reader had verified it, in ms.
 */
export async function overrideEntitlement(api: Api, dataDir: string, tenant: Tenant): Promise<number> {
  step(
    `Give ${tenant.slug} what its plan does not have`,
    "an override with a reason and an end; a service's own reader learns of it, signed",
  );
  const pem = pinnedKey(dataDir);
  const { items } = await api.call<Page<SigningKey>>("GET", "/signing-keys");
  check(
    items.some(({ publicKey }) => publicKey.trim() === pem.trim()),
    `the service signs with the key that the reader has pinned: ${shortId(pem)}`,
  );
  let onBundle = () => {};
  const reader = createEntitlementReader({
    ...{ url: api.url, apiKey: api.key, tenantId: tenant.tenantId, keys: [pem] },
    onChange: () => setImmediate(() => onBundle()),
  });
  const until = async (enabled: boolean, startedAt: number): Promise<number> => {
    while (reader.isEnabled(CAPABILITY) !== enabled) {
      if (performance.now() - startedAt > BOUND_MS) throw new Error("Cannot go on: the reader heard nothing");
      const heard = new Promise<void>((resolve) => {
        onBundle = resolve;
      });
      await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 100))]);
    }
    return Math.round(performance.now() - startedAt);
  };
  await reader.refresh();
  const followed = reader.follow();
  try {
    const before = reader.bundle?.version ?? 0;
    check(!reader.isEnabled(CAPABILITY), `${tenant.plan} has no ${CAPABILITY}: bundle ${before} says so`);
    const at = `/tenants/${tenant.tenantId}/entitlements`;
    const askedAt = performance.now();
    const set = await api.call<Entitlement>("POST", at, {
      ...{ capabilityKey: CAPABILITY, enabled: true, reason: "trial until spring" },
      expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
    });
    const ms = await until(true, askedAt);
    const bundle = reader.bundle;
    check(
      ms < BOUND_MS,
      `the reader has it after ${ms} ms, by bundle ${bundle?.version}, from an ${set.source}`,
    );
    const trust = { tenantId: tenant.tenantId, keys: [pem], skewMs: 30_000 };
    const forged = JSON.parse(JSON.stringify(bundle).replace('"enabled":false', '"enabled":true')) as unknown;
    const verdict = judgeBundle(forged, trust, Date.now());
    check(
      !verdict.ok && verdict.refusal === "forged",
      "a bundle in which one more capability is on is refused as forged",
      verdict.ok ? "it was taken" : verdict.refusal,
    );
    const tomorrow = Date.now() + 2 * 86_400_000;
    check(!allows(bundle, CAPABILITY, tomorrow), "it ends by itself, without another bundle");
    const takenBackAt = performance.now();
    await api.call("DELETE", `${at}/${CAPABILITY}?reason=trial+is+over`);
    line(`taken back, and the reader knows after ${await until(false, takenBackAt)} ms`);
    return ms;
  } finally {
    reader.stop();
    await followed;
  }
}
