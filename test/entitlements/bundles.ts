import { generateKeyPairSync, randomUUID } from "node:crypto";
import type { EntitlementBundle } from "../../contract/entitlement.ts";
import type { BundleEntries } from "../../contract/entitlementEvaluation.ts";
import { type BundleSettings, issueBundle } from "../../service/entitlements/bundle.ts";
import { createSigner, type Signer } from "../../service/signing/signer.ts";

/** Bundles as the service issues them, without the service. */
export function newSigner(): Signer {
  return createSigner(generateKeyPairSync("ed25519").privateKey);
}

export const tenantId = randomUUID();
export const signer = newSigner();
export const ISSUED = "2026-03-01T09:00:00.000Z";
export const issuedMs = Date.parse(ISSUED);

export const ENTRIES: BundleEntries = {
  "audit-export": { enabled: true, source: "plan", onStale: "closed" },
  "single-sign-on": { enabled: false, source: "plan", onStale: "open" },
  trial: {
    ...{ enabled: true, source: "override", onStale: "closed" },
    ...{ expiresAt: "2026-03-01T09:01:00.000Z", thenEnabled: false },
  },
};

export interface BundleChoices {
  readonly tenantId?: string;
  readonly version?: number;
  readonly entries?: BundleEntries;
  readonly issuedAt?: string;
  readonly signer?: Signer;
  readonly settings?: BundleSettings;
}

export function bundleOf(choices: BundleChoices = {}): EntitlementBundle {
  const { version = 1, entries = ENTRIES, issuedAt = ISSUED } = choices;
  const settings = { entitlementPropagationMs: 60_000, entitlementStaleMs: 900_000, ...choices.settings };
  const content = { plan: "business", planVersion: 1, entitlements: entries };
  const kept = {
    ...{ tenantId: choices.tenantId ?? tenantId, version, content },
    ...{ nextChangeAt: null, changedAt: ISSUED },
  };
  return issueBundle(kept, settings, choices.signer ?? signer, issuedAt);
}
