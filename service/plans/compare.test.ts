import { expect, it } from "vitest";
import { planChanges } from "./compare.ts";

it("tells what is new, gone and other, member by member", () => {
  const before = { quotas: { targets: 4, storageGib: 10 }, isolation: ["pooled"] };
  const after = { quotas: { targets: 5, connections: 1 }, isolation: ["pooled", "hybrid"] };
  expect(planChanges(before, after)).toEqual([
    { path: "isolation", from: ["pooled"], to: ["pooled", "hybrid"] },
    { path: "quotas.connections", to: 1 },
    { path: "quotas.storageGib", from: 10 },
    { path: "quotas.targets", from: 4, to: 5 },
  ]);
});

it("takes a key such as constructor for what was written, and for nothing else", () => {
  const feature = { enabled: true };
  expect(planChanges({ features: {} }, { features: { constructor: feature } })).toEqual([
    { path: "features.constructor.enabled", to: true },
  ]);
});
