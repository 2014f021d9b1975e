import fc from "fast-check";
import { expect, it } from "vitest";
import { driftFindingsDigest, driftTargetsDigest } from "./driftDigest.ts";

const finding = fc.record({
  urn: fc.constantFrom("a", "b", "c"),
  kind: fc.constantFrom("changed", "deleted"),
  properties: fc.uniqueArray(
    fc.record({ path: fc.constantFrom("x", "y"), recorded: fc.nat(2), actual: fc.nat(2) }),
    { selector: ({ path }) => path, maxLength: 2 },
  ),
} as const);
const findings = fc.uniqueArray(finding, { selector: ({ urn }) => urn, maxLength: 3 });

it("is the same for the same findings in whatever order, and another for others", () => {
  fc.assert(
    fc.property(findings, findings, (one, other) => {
      expect(driftFindingsDigest([...one].reverse())).toBe(driftFindingsDigest(one));
      const same = spelled(one) === spelled(other);
      expect(driftFindingsDigest(one) === driftFindingsDigest(other)).toBe(same);
    }),
  );
});

it("leaves out what no repair touches, and counts a value that is not there as null", () => {
  const hidden = { urn: "h", kind: "hidden", properties: [{ path: "count", actual: 3 }] } as const;
  const unmanaged = { urn: "u", kind: "unmanaged", properties: [] } as const;
  expect(driftFindingsDigest([hidden, unmanaged])).toBe(driftFindingsDigest([]));
  const absent = { urn: "a", kind: "changed", properties: [{ path: "x", actual: 1 }] } as const;
  const asNull = { ...absent, properties: [{ path: "x", recorded: null, actual: 1 }] };
  expect(driftFindingsDigest([absent])).toBe(driftFindingsDigest([asNull]));
});

it("of targets says which target has which findings", () => {
  const [one, other] = [
    { targetId: "1", digest: "a" },
    { targetId: "2", digest: "b" },
  ];
  expect(driftTargetsDigest([one, other])).toBe(driftTargetsDigest([other, one]));
  expect(driftTargetsDigest([one, other])).not.toBe(
    driftTargetsDigest([
      { targetId: "1", digest: "b" },
      { targetId: "2", digest: "a" },
    ]),
  );
});

function spelled(list: readonly { urn: string; kind: string; properties: readonly object[] }[]): string {
  return list
    .map(({ urn, kind, properties }) =>
      [urn, kind, ...properties.map((one) => JSON.stringify(one)).sort()].join(),
    )
    .sort()
    .join(";");
}
