import fc from "fast-check";
import { expect, it } from "vitest";
import { routingText } from "../../contract/routing.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { onePerHost, sealed } from "../../registry/routing.ts";
import { acceptSnapshot, SnapshotRefused } from "../../router/snapshot.ts";
import { PLANE, snapshot } from "./snapshots.ts";

const text = (version: number, plane?: string) => JSON.stringify(snapshot(version, { acme: "live" }, plane));

it("takes what the registry sealed, and newer ones after it", () => {
  const first = acceptSnapshot(text(3), undefined, PLANE);
  expect(first.hosts.get("acme.example.com")?.state).toBe("live");
  expect(acceptSnapshot(text(3), first, PLANE).version).toBe(3);
  expect(acceptSnapshot(text(9), first, PLANE).version).toBe(9);
});

it("refuses an older version, another plane and what is no snapshot", () => {
  const current = acceptSnapshot(text(3), undefined, PLANE);
  expect(() => acceptSnapshot(text(2), current, PLANE)).toThrow(/version must be 3 or newer, got 2/);
  expect(() => acceptSnapshot(text(4, "prod-eu-west-1"), current, PLANE)).toThrow(
    /plane must be dev-eu-west-1/,
  );
  for (const bad of ["", "{", "[]", "null", '{"version":4}', `${text(4)} x`]) {
    expect(() => acceptSnapshot(bad, current, PLANE)).toThrow(SnapshotRefused);
  }
});

it("refuses every snapshot in which one character differs", () => {
  const whole = text(3);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.constantFrom("x", "0", "9", "-"), (at, character) => {
      fc.pre(whole[at] !== character);
      const damaged = whole.slice(0, at) + character + whole.slice(at + 1);
      expect(() => acceptSnapshot(damaged, undefined, undefined)).toThrow(SnapshotRefused);
    }),
    { numRuns: 500 },
  );
});

it("takes the checksum over canonical JSON", () => {
  const { checksum: _checksum, ...body } = snapshot(7, { acme: "live", "näm-é": "suspended" });
  expect(routingText(body)).toBe(canonicalJson(body));
  expect(sealed(body).checksum).toBe(snapshot(7, { acme: "live", "näm-é": "suspended" }).checksum);
});

it("answers a name once, with the newest generation that is live", () => {
  const row = (generation: number, state: "live" | "suspended", host = "acme.example.com") => ({
    ...{ host, state, generation },
    routingTarget: `g${generation}`,
    targetId: `t${generation}`,
  });
  const targetsOf = (...rows: ReturnType<typeof row>[]) => onePerHost(rows).map(({ targetId }) => targetId);
  expect(targetsOf(row(1, "live"), row(2, "live"))).toEqual(["t2"]);
  expect(targetsOf(row(1, "live"), row(2, "suspended"))).toEqual(["t1"]);
  expect(targetsOf(row(2, "suspended"), row(1, "suspended"))).toEqual(["t2"]);
  expect(targetsOf(row(1, "live", "b"), row(2, "live", "a"))).toEqual(["t2", "t1"]);
});
