import { expect, it } from "vitest";
import { startActions } from "./starts.ts";
import { tallyOf } from "./tally.ts";
import type { RolloutView, TargetView } from "./view.ts";

const never = { endedAt: null, progressAt: null };
const rollout: RolloutView = {
  ...{ rolloutId: "r", status: "running", onExceeded: "halt", stuckAfterMs: 60_000, emergency: false },
  ...{ cancelRequested: false, endedAs: null, progressAt: 0, stuckSince: null },
  waves: [
    {
      ...{ wave: 1, size: 4, maxConcurrency: 2, failureTolerance: 0, concurrencyMode: "soft", bakeMs: 0 },
      ...{ approval: false, approvalAskedAt: null, approvedAt: null },
      ...{ startedAt: 0, bakeUntil: null, endedAt: null },
    },
  ],
};
const target = (targetId: string, more: Partial<TargetView> = {}): TargetView => ({
  ...{ targetId, wave: 1, status: "pending", rollbackRequested: false, ...never, ...more },
});

it("gives the room of a wave to those that can begin before those that the policies cannot decide on", () => {
  const [a, b] = [target("a", { undecided: true }), target("b", { undecided: true })];
  const begun = (targets: TargetView[]) => startActions(tallyOf(rollout, targets), 0);
  expect(begun([a, target("c"), b, target("d")])).toEqual([
    { kind: "start", wave: 1, targetIds: ["c", "d"] },
  ]);
  expect(begun([a, target("c"), b])).toEqual([{ kind: "start", wave: 1, targetIds: ["c", "a"] }]);
  expect(begun([a, b])).toEqual([{ kind: "start", wave: 1, targetIds: ["a", "b"] }]);
});

it("gives it to targets of other planes where as many of one wait in the queue as may", () => {
  const full = [target("a", { queueFull: true }), target("b", { queueFull: true })];
  const begun = (targets: TargetView[]) => startActions(tallyOf(rollout, targets), 0);
  expect(begun([...full, target("c")])).toEqual([{ kind: "start", wave: 1, targetIds: ["c"] }]);
  expect(begun(full)).toEqual([]);
});
