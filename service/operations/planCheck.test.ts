import { describe, expect, it } from "vitest";
import { expectedPlan, leftUntouched } from "./planCheck.ts";

const plan = { digest: "p".repeat(64), specDigest: "s".repeat(64) };
const first = { begunBefore: false, untouched: true };
const resumed = { begunBefore: true, untouched: false };
const triedInVain = { begunBefore: true, untouched: true };
const other = "o".repeat(64);

describe("what a previewed run may carry out", () => {
  it("is its plan, also after a try that has changed nothing", () => {
    for (const past of [first, triedInVain]) {
      expect(expectedPlan({ ...past, input: { plan } }, plan.specDigest)).toEqual({
        expectedPlan: { digest: plan.digest },
      });
      expect(() => expectedPlan({ ...past, input: { plan } }, other)).toThrowError(
        expect.objectContaining({ code: "plan_changed" }),
      );
    }
  });

  it("is the rest of its plan after an interruption, of the spec that was previewed and of no other", () => {
    expect(expectedPlan({ ...resumed, input: { plan } }, plan.specDigest)).toEqual({});
    // Not `plan_changed`, by which a deployment counts as never begun and is not undone.
    expect(() => expectedPlan({ ...resumed, input: { plan } }, other)).toThrowError(
      expect.objectContaining({ code: "spec_changed", retryable: false }),
    );
  });

  it("is what is recorded by then when a person goes on from what was kept", () => {
    expect(expectedPlan({ ...resumed, input: { plan, continues: "earlier" } }, other)).toEqual({});
  });
});

it("counts a failed try as without effect only when all of it was heard", () => {
  expect(leftUntouched(false, "stack_locked")).toBe(true);
  expect(leftUntouched(false, "provider_unavailable")).toBe(true);
  expect(leftUntouched(true, "provider_unavailable")).toBe(false);
  for (const code of ["worker_crashed", "timed_out", "lease_lost"])
    expect(leftUntouched(false, code)).toBe(false);
});
