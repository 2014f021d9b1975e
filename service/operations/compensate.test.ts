import { expect, it } from "vitest";
import { CANCELLED_MIDWAY, compensate } from "./compensate.ts";
import type { Execution } from "./execution.ts";
import type { Cause, PastRun } from "./pastRun.ts";
import type { Saga, Step } from "./saga.ts";

const undone: string[] = [];
const step = (name: string, undo: Step["undo"]): Step => ({
  name,
  idempotence: "It does nothing.",
  run: async () => ({}),
  ...(undo !== undefined && { undo }),
});
const back = async () => void undone.push("called");
const saga = {
  steps: [
    step("look", undefined),
    step("deploy", back),
    step("destroy", "impossible"),
    step("scan", undefined),
  ],
} as unknown as Saga;
const past = { cause: undefined, undone: new Set(), cutOff: undefined } as unknown as PastRun;
const cancelled: Cause = { outcome: "cancelled", error: undefined };

function compensated(
  steps: readonly string[],
  cause: Cause,
  onFailure: "keep" | "compensate" = "compensate",
) {
  const execution = { operation: { onFailure } } as unknown as Execution;
  return compensate(execution, saga, { cause, results: {}, steps: new Set(steps), past });
}

it("says of a cancellation past what cannot be undone what is there, and that a retry goes forward", async () => {
  const { left, error } = await compensated(["look", "deploy", "destroy", "scan"], cancelled);
  expect(left).toBe("between");
  expect(error).toEqual({
    code: CANCELLED_MIDWAY,
    message:
      "The operation was cancelled. Nothing was undone, as destroy cannot be undone: all or part of what deploy, destroy " +
      "did is there. Retry this operation to go forward from there.",
    retryable: false,
    step: "destroy",
  });
});

it("says the same of what was asked to be kept", async () => {
  const { left, error } = await compensated(["look", "deploy"], cancelled, "keep");
  expect(left).toBe("between");
  expect(error).toMatchObject({ code: CANCELLED_MIDWAY, step: "deploy" });
  expect(error?.message).toMatch(
    /as was asked \(onFailure keep\): all or part of what deploy did is there\. Retry/,
  );
});

it("adds it to the reason of a failure and of a deadline, whose code stays", async () => {
  const error = { code: "provider_denied", message: "Cannot delete.", retryable: false, step: "destroy" };
  for (const outcome of ["failed", "cancelled"] as const) {
    const answer = await compensated(["deploy", "destroy"], { outcome, error });
    expect(answer.left).toBe("between");
    expect(answer.error).toMatchObject({ code: "provider_denied", step: "destroy" });
    expect(answer.error?.message).toMatch(
      /^Cannot delete\. Nothing was undone, as destroy cannot be undone: .* forward/,
    );
  }
});

it("has nothing to add where nothing was begun that needs undoing", async () => {
  expect(await compensated(["look"], cancelled)).toEqual({ left: "unchanged", error: undefined });
  expect(undone).toEqual([]);
});
