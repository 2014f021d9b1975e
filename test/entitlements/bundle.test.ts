import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entitlementBundleSchema } from "../../contract/entitlement.ts";
import {
  allows,
  type Bundle,
  isStale,
  judgeBundle,
  type Refusal,
} from "../../examples/entitlements/bundle.ts";
import { bundleOf, ENTRIES, ISSUED, issuedMs, newSigner, signer, tenantId } from "./bundles.ts";

const trust = { tenantId, keys: [signer.publicKey], skewMs: 30_000 };

function judge(value: unknown, nowMs = issuedMs, known?: Bundle): Refusal | "taken" {
  // As it comes over the wire.
  const verdict = judgeBundle(JSON.parse(JSON.stringify(value)), trust, nowMs, known);
  return verdict.ok ? "taken" : verdict.refusal;
}

describe("a bundle", () => {
  it("is taken as the service issues it", () => {
    expect(entitlementBundleSchema.parse(bundleOf())).toEqual(bundleOf());
    expect(judge(bundleOf())).toBe("taken");
  });

  it("says how often to ask and how long to believe it as the service is set", () => {
    const settings = { entitlementPropagationMs: 10_001, entitlementStaleMs: 77_000 };
    expect(bundleOf({ settings })).toMatchObject({ refreshAfterMs: 5_000, staleAfterMs: 77_000 });
    expect(bundleOf()).toMatchObject({ refreshAfterMs: 30_000, staleAfterMs: 900_000 });
  });

  it("is refused when a single thing in it is something else than what was signed", () => {
    const bundle = bundleOf();
    const changes: Record<string, unknown> = {
      version: 2,
      plan: "enterprise",
      planVersion: 2,
      entitlements: { ...ENTRIES, "single-sign-on": { ...ENTRIES["single-sign-on"], enabled: true } },
      changedAt: "2026-03-01T08:59:59.999Z",
      issuedAt: "2026-03-01T09:00:00.001Z",
      refreshAfterMs: 1,
      staleAfterMs: 999_999_999,
    };
    for (const [name, value] of Object.entries(changes)) {
      expect(judge({ ...bundle, [name]: value }), name).toBe("forged");
    }
    expect(judge({ ...bundle, extra: true })).toBe("forged");
    expect(judge({ ...bundle, signature: "" })).toBe("forged");
    expect(judge({ ...bundle, signature: bundleOf({ version: 2 }).signature })).toBe("forged");
  });

  it("is refused whatever bit of it was turned", () => {
    const text = JSON.stringify(bundleOf());
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const turned = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
        let value: unknown;
        try {
          value = JSON.parse(turned);
        } catch {
          return;
        }
        const verdict = judgeBundle(value, trust, issuedMs);
        // Spelled otherwise and meaning the same (a base64 tail, an escape) is the same bundle.
        if (verdict.ok)
          expect({ ...verdict.bundle, signature: "" }).toEqual({ ...bundleOf(), signature: "" });
      }),
    );
  });

  it("is refused under a key that was not given, even one that claims the id of one that was", () => {
    const stranger = newSigner();
    expect(judge(bundleOf({ signer: stranger }))).toBe("unknown_key");
    expect(judge(bundleOf({ signer: { ...stranger, keyId: signer.keyId } }))).toBe("forged");
  });

  it("is refused when it is another tenant's", () => {
    expect(judge(bundleOf({ tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11" }))).toBe("other_tenant");
  });

  it("is refused when it comes from the future by more than the clocks may differ", () => {
    expect(judge(bundleOf(), issuedMs - 30_000)).toBe("taken");
    expect(judge(bundleOf(), issuedMs - 30_001)).toBe("from_the_future");
  });

  it("is refused when a newer one is known, or the same version said something else", () => {
    const known = bundleOf({ version: 5 });
    expect(judge(bundleOf({ version: 4 }), issuedMs, known)).toBe("older");
    expect(judge(bundleOf({ version: 5, issuedAt: "2026-03-01T09:00:10.000Z" }), issuedMs, known)).toBe(
      "taken",
    );
    expect(judge(bundleOf({ version: 5, entries: {} }), issuedMs, known)).toBe("contradiction");
    expect(judge(bundleOf({ version: 6, entries: {} }), issuedMs, known)).toBe("taken");
  });

  it.each([null, 7, "x", [], {}, { kind: "entitlement_bundle" }, { ...bundleOf(), formatVersion: 2 }])(
    "is refused when it is none: %j",
    (value) => {
      expect(judge(value)).toBe("malformed");
    },
  );

  it.each([
    { ...bundleOf(), version: -1 },
    { ...bundleOf(), issuedAt: "yesterday" },
    { ...bundleOf(), entitlements: { sso: { enabled: "yes", onStale: "open" } } },
    { ...bundleOf(), entitlements: { sso: { enabled: true, onStale: "maybe" } } },
  ])("is refused when a part of it is none", (value) => {
    expect(judge(value)).toBe("malformed");
  });
});

describe("what a bundle allows", () => {
  const staleMs = issuedMs + 900_000;

  it("is what it says while it is fresh, and what was declared for it when it is stale", () => {
    const bundle = bundleOf();
    expect(isStale(bundle, staleMs)).toBe(false);
    expect(isStale(bundle, staleMs + 1)).toBe(true);
    const at = (nowMs: number) => ["audit-export", "single-sign-on"].map((key) => allows(bundle, key, nowMs));
    expect(at(staleMs)).toEqual([true, false]);
    // Fail-closed takes what was allowed; fail-open gives what was not.
    expect(at(staleMs + 1)).toEqual([false, true]);
  });

  it("ends with an override's end, without another bundle", () => {
    const end = Date.parse("2026-03-01T09:01:00.000Z");
    expect(allows(bundleOf(), "trial", end - 1)).toBe(true);
    expect(allows(bundleOf(), "trial", end)).toBe(false);
  });

  it("is nothing that it does not name, fresh or stale, and nothing before there is one", () => {
    for (const key of ["teleport", "constructor", "__proto__", "toString"]) {
      expect(allows(bundleOf(), key, issuedMs)).toBe(false);
      expect(allows(bundleOf(), key, staleMs + 1)).toBe(false);
    }
    expect(allows(undefined, "audit-export", issuedMs)).toBe(false);
  });
});

it("the copy of the canonical JSON is the project's own", () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  const [, ...copied] = read("examples/entitlements/canonicalJson.ts").split("\n");
  expect(copied.join("\n")).toBe(read("registry/canonicalJson.ts"));
  expect(ISSUED).toBe(new Date(issuedMs).toISOString());
});

it("the example imports nothing but Node and itself", () => {
  for (const file of ["bundle", "reader", "canonicalJson"]) {
    const text = readFileSync(new URL(`../../examples/entitlements/${file}.ts`, import.meta.url), "utf8");
    const from = [...text.matchAll(/from "([^"]+)"/g)].map(([, name]) => name ?? "");
    for (const name of from) expect(name, file).toMatch(/^(node:|\.\/)/);
  }
});
