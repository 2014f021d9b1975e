import { describe, expect, it } from "vitest";
import type { Release } from "./release.ts";
import { releaseCompatibility } from "./releaseCompatibility.ts";
import { diffReleases } from "./releaseDiff.ts";
import { SERVICE_NAMES } from "./vocabulary.ts";

type Range = Release["compatibleSchemas"];
const facts = (number: number, schemaVersion: number | null, range: [number, number] | null = null) => ({
  ...{ number, schemaVersion },
  compatibleSchemas: (range && { from: range[0], to: range[1] }) as Range,
});

describe("a target goes from one release to another", () => {
  it.each([
    ["when the schema that is there is within its range", facts(1, 5), facts(2, 6, [5, 6]), true],
    ["not when it is too old", facts(1, 4), facts(2, 6, [5, 6]), false],
    ["not when it is too new, which is what a rollback meets", facts(2, 7), facts(1, 5, [4, 6]), false],
    ["back, when the older one can run with the newer schema", facts(2, 6), facts(1, 5, [4, 6]), true],
    ["when it says nothing of what it can run with", facts(1, 4), facts(2, 6), true],
    ["when the one that is there says nothing of its schema", facts(1, null), facts(2, 6, [5, 6]), true],
    ["when nothing is there", null, facts(2, 6, [6, 6]), true],
  ])("%s", (_, from, to, compatible) => {
    expect(releaseCompatibility(from, to).compatible).toBe(compatible);
  });

  it("and is told why not", () => {
    expect(releaseCompatibility(facts(7, 12), facts(5, 10, [9, 11]))).toEqual({
      compatible: false,
      why: "release 5 can run with schema 9 to 11, and release 7 has brought schema 12",
    });
  });
});

describe("the difference of two releases", () => {
  const release = (number: number, more: Partial<Release> = {}): Release => ({
    ...{ releaseId: "r", number, description: "", notes: "", fromNumber: null, digest: "", createdBy: "" },
    ...{ createdAt: "", schemaVersion: null, compatibleSchemas: null },
    services: Object.fromEntries(
      SERVICE_NAMES.map((name) => [name, { image: `r/${name}:1`, environment: { LOG_LEVEL: "info" } }]),
    ) as unknown as Release["services"],
    ...more,
  });

  it("is nothing for the same services", () => {
    expect(diffReleases(release(1), release(2))).toEqual({
      ...{ from: 1, to: 2, services: [], schemaVersion: null, compatibleSchemas: null },
      ...{ compatible: true, incompatibleBecause: null },
    });
  });

  it("names images, settings and schemas that differ", () => {
    const to = release(2, { schemaVersion: 6, compatibleSchemas: { from: 6, to: 6 } });
    to.services["iam-service"] = {
      image: "r/iam-service:2",
      environment: { LOG_LEVEL: "info", MODE: "new" },
    };
    to.services["audit-service"] = { image: "r/audit-service:1", environment: {} };
    const from = release(1, { schemaVersion: 5 });
    expect(diffReleases(from, to)).toMatchObject({
      services: [
        {
          service: "audit-service",
          image: null,
          environment: [{ name: "LOG_LEVEL", from: "info", to: null }],
        },
        {
          service: "iam-service",
          image: { from: "r/iam-service:1", to: "r/iam-service:2" },
          environment: [{ name: "MODE", from: null, to: "new" }],
        },
      ],
      schemaVersion: { from: 5, to: 6 },
      compatibleSchemas: { from: null, to: { from: 6, to: 6 } },
      compatible: false,
    });
  });
});
