import { expect, it } from "vitest";
import type { RolloutPreviewGroup } from "../../contract/rollout.ts";
import { groupText } from "./view.ts";

type Change = RolloutPreviewGroup["changes"][number];

const screen = { columns: 100, colour: false };
const [tenantId, targetId] = ["0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11", "7c1d2e3f-1111-4222-8333-444455556666"];

function shown(change: Partial<Change>): string {
  const changes: Change[] = [
    { op: "update", resourceType: "aws:sqs/queue:Queue", logicalName: "jobs", properties: ["tags"] },
  ].map((one) => ({ ...one, replaceProperties: [], values: [], ...change }));
  const group: RolloutPreviewGroup = {
    ...{ groupKey: "k", changes, operations: { update: 1 }, replaces: 0, deletes: 0 },
    ...{ targetCount: 1, tenantCount: 1, targets: [{ targetId, tenantId, planeName: "dev-eu-west-1" }] },
  };
  return groupText(screen, group, new Map([[tenantId, "acme"]]));
}

it("a preview's group says what changes to what", () => {
  const values = [
    { path: "tags.plan", old: "starter", new: "business" },
    { path: "tags.owner", old: null, new: "a\u001b[31mb" },
  ];
  expect(shown({ values }).split("\n")).toEqual([
    "  1 tenant (acme): 1 update",
    '    update aws:sqs/queue:Queue "jobs" tags',
    "      tags.plan: starter → business",
    expect.stringMatching(/^ {6}tags\.owner: \(none\) → a.*b$/),
  ]);
  expect(shown({ values })).not.toContain("\u001b");
});

it("a preview's group counts what it does not show, and shows no inputs of what is created", () => {
  const values = Array.from({ length: 12 }, (_, n) => ({ path: `tags.k${n}`, old: "a", new: "b" }));
  expect(shown({ values }).split("\n").slice(-2)).toEqual(["      tags.k9: a → b", "      and 2 more"]);
  expect(shown({ op: "create", values }).split("\n")).toHaveLength(2);
});
