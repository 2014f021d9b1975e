import { expect, test } from "vitest";
import type { Case, Outcome } from "./case.ts";
import { resolveReferences, valueAt } from "./case.ts";
import { findDifferences, judge } from "./compare.ts";

const story: Case = {
  name: "network",
  steps: [
    {
      name: "vpc",
      type: "aws:ec2/vpc:Vpc",
      ours: { create: {} },
      theirs: [],
      same: { id: "Vpc.VpcId", ownerId: "Vpc.OwnerId" },
    },
  ],
};

function compare(ours: Outcome, theirs: Outcome) {
  const key = "network/vpc";
  return findDifferences([story], new Map([[key, ours]]), new Map([[key, theirs]]));
}

const vpc = (id: string, owner = "123456789012") => ({ values: { Vpc: { VpcId: id, OwnerId: owner } } });
const ours = { values: { id: "vpc-0a1b2c3d4e5f60718", ownerId: "210987654321" } };

test("random parts may differ, their form may not", () => {
  expect(compare(ours, vpc("vpc-1a1b2c3d4e5f60719"))).toEqual([]);
  expect(compare(ours, vpc("vpc-1a1b2c3d"))).toEqual([
    { at: "network/vpc id", ours: "vpc-<17 hex>", theirs: "vpc-<8 hex>" },
  ]);
  expect(compare(ours, vpc("vpc-1a1b2c3d4e5f60719", ""))).toHaveLength(1);
});

test("a refusal differs from another and from none", () => {
  const refused = (error: string) => ({ error, message: "" });
  expect(compare(refused("A"), refused("A"))).toEqual([]);
  expect(compare(refused("A"), refused("B"))).toEqual([{ at: "network/vpc error", ours: "A", theirs: "B" }]);
  expect(compare(ours, refused("B"))).toEqual([{ at: "network/vpc error", ours: "accepted", theirs: "B" }]);
});

test("a step that one side did not run is no agreement", () => {
  expect(() => findDifferences([story], new Map([["network/vpc", ours]]), new Map())).toThrow("did not run");
});

test("unlisted differences and listed ones that are gone both come out", () => {
  const difference = { at: "a/b id", ours: "x", theirs: "y" };
  const listed = { ...difference, reason: "theirs is wrong" };
  expect(judge([difference], [listed])).toEqual({ unlisted: [], gone: [] });
  expect(judge([difference], [])).toEqual({ unlisted: [difference], gone: [] });
  expect(judge([], [listed])).toEqual({ unlisted: [], gone: [listed] });
  expect(judge([{ ...difference, ours: "z" }], [listed]).unlisted).toHaveLength(1);
});

test("references become the value itself, or its text within another", () => {
  const steps = new Map([["vpc", { id: "vpc-1", cidrs: ["a", { b: 2 }] }]]);
  expect(resolveReferences({ vpcId: "{{vpc.id}}", all: ["{{vpc.cidrs}}"] }, steps)).toEqual({
    vpcId: "vpc-1",
    all: [["a", { b: 2 }]],
  });
  expect(resolveReferences("arn:{{vpc.id}}/{{vpc.cidrs.1.b}}", steps)).toBe("arn:vpc-1/2");
  expect(valueAt({ a: 1 }, "a.b.c")).toBeUndefined();
});
