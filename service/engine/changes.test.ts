import type { StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import { describe, expect, it } from "vitest";
import { assertPlan, comparedPlan, placeInStack, previewResult } from "./changes.ts";

const QUEUE = "aws:sqs/queue:Queue";

function step(tenant: string, op: string, change: Partial<StepEventMetadata> & { name?: string } = {}) {
  const { name = "jobs", type = QUEUE, ...rest } = change;
  const urn = `urn:pulumi:dev-1::tenant-${tenant}::tenantry:TenantServiceSet$${type}::${name}`;
  return { op, urn, type, provider: "p", ...rest } as unknown as StepEventMetadata;
}

const diff = (diffKind: string) => ({ diffKind, inputDiff: false }) as never;
const resized = { detailedDiff: { delaySeconds: diff("update") } };

describe("a plan", () => {
  it("tells what would not stay the same, halves of replacements once, and counts replacements and deletions", () => {
    const plan = comparedPlan(
      [
        step("a", "refresh"),
        step("a", "same", { name: "kept" }),
        step("a", "update", resized),
        step("a", "create-replacement", { name: "dead" }),
        step("a", "replace", { name: "dead", detailedDiff: { name: diff("update-replace") } }),
        step("a", "delete-replaced", { name: "dead" }),
        step("a", "delete", { name: "old" }),
        step("a", "replace", { type: "aws:ecs/taskDefinition:TaskDefinition", name: "revision" }),
      ],
      { update: 1 },
    );
    expect(plan.changes.map(({ op, logicalName }) => `${op} ${logicalName}`)).toEqual([
      "update jobs",
      "replace dead",
      "delete old",
      "replace revision",
    ]);
    expect(plan).toMatchObject({ replaces: 1, deletes: 1 });
  });

  it("has a digest of its own for each tenant, and the same places for the same changes", () => {
    const stack = (tenant: string) =>
      step(tenant, "update", { type: "pulumi:pulumi:Stack", name: `tenant-${tenant}-dev-1` });
    const [a, b] = ["a", "b"].map((tenant) =>
      comparedPlan([stack(tenant), step(tenant, "update", resized)], {}),
    );
    expect(a?.changes.map(placeInStack)).toEqual(b?.changes.map(placeInStack));
    expect(a?.digest).not.toBe(b?.digest);
  });

  it("has values when it is previewed, and the same digest as without them", () => {
    const sides = { old: { inputs: { delaySeconds: 1 } }, new: { inputs: { delaySeconds: 2 } } };
    const steps = [step("a", "update", { ...resized, ...(sides as object) })];
    const previewed = previewResult(steps, {}, (text) => text);
    expect(previewed.changes).toMatchObject([{ values: [{ path: "delaySeconds", old: 1, new: 2 }] }]);
    expect(previewed.digest).toBe(comparedPlan(steps, {}).digest);
  });

  it.each([
    ["operation", step("a", "delete", resized)],
    ["name", step("a", "update", { ...resized, name: "dead" })],
    ["property", step("a", "update", { detailedDiff: { name: diff("update") } })],
    ["replacement", step("a", "update", { detailedDiff: { delaySeconds: diff("update-replace") } })],
  ])("of another %s has another digest", (_what, other) => {
    const [plan, changed] = [comparedPlan([step("a", "update", resized)], {}), comparedPlan([other], {})];
    expect(changed.digest).not.toBe(plan.digest);
  });

  it("does not depend on the order in which the engine came to its steps", () => {
    const steps = [step("a", "update", resized), step("a", "delete", { name: "old" })];
    expect(comparedPlan([...steps].reverse(), {}).digest).toBe(comparedPlan(steps, {}).digest);
  });
});

it("is refused with what is planned now when another was expected", () => {
  const target = { projectName: "tenant-a", stackName: "dev-1" };
  const planned = comparedPlan([step("a", "update", resized)], {});
  expect(() => assertPlan(target, planned.digest, planned)).not.toThrow();
  expect(() => assertPlan(target, "0".repeat(64), planned)).toThrow(
    expect.objectContaining({
      code: "plan_changed",
      retryable: false,
      plan: { expectedDigest: "0".repeat(64), planned },
      message: expect.stringContaining("nothing was changed"),
    }),
  );
});
