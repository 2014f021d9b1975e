import { expect, it } from "vitest";
import { monotonicMs } from "../engine/monotonic.ts";
import { permitOf } from "./permit.ts";
import { createOperationStop, type StopReason } from "./stop.ts";

const held = { deadline: () => monotonicMs() + 60_000 };
const runOut = { deadline: () => monotonicMs() - 1 };

it.each<[StopReason, string]>([
  ["cancel", "the operation was cancelled"],
  ["deadline", "the operation's deadline has passed"],
  ["shutdown", "the service stops"],
  ["lease_lost", "the operation's lease was lost"],
])(
  "ends with the step's signal and says why, and cuts off only what somebody else goes on with: %s",
  (reason, words) => {
    const stop = createOperationStop();
    const permit = permitOf(stop, stop.doing, held);
    expect(() => permit.check()).not.toThrow();
    stop.abort(reason);
    expect(() => permit.check()).toThrow(words);
    expect(permit.signal.aborted).toBe(reason === "shutdown" || reason === "lease_lost");
  },
);

it("lets an undoing go on after a cancellation, and ends it with the lease", () => {
  const stop = createOperationStop();
  const permit = permitOf(stop, stop.undoing, held);
  stop.abort("cancel");
  expect(() => permit.check()).not.toThrow();
  stop.abort("lease_lost");
  expect(() => permit.check()).toThrow("lease was lost");
});

it("ends with a lease that has run out while the process was frozen, and stops the operation", () => {
  const stop = createOperationStop();
  // No timer has told the signal.
  const permit = permitOf(stop, stop.doing, runOut);
  expect(permit.signal.aborted).toBe(false);
  expect(() => permit.check()).toThrow("lease was lost");
  expect([stop.doing.reason, stop.undoing.reason]).toEqual(["lease_lost", "lease_lost"]);
});
