import { describe, expect, it } from "vitest";
import { type BreakerFacts, CLOSED, isCounted, judge } from "./judge.ts";

const policy = { failures: 3, windowMs: 600_000, coolDownMs: 60_000, coolDownMaxMs: 200_000 };
const time = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString();

interface Ended {
  readonly at: number;
  readonly target: string;
  readonly plane?: string;
  readonly ok?: boolean;
}

function judged(ended: readonly Ended[], scope: "plane" | "region" = "plane", from: BreakerFacts = CLOSED) {
  return ended.reduce((breaker, { at, target, plane = "one", ok = false }) => {
    const failure = ok ? null : "throttled";
    return judge(breaker, { at: time(at), targetId: target, planeName: plane, failure }, scope, policy);
  }, from);
}
const failing = (...targets: string[]) => targets.map((target, at) => ({ at, target }));

describe("a circuit breaker", () => {
  it("opens when as many different targets have failed as the threshold says", () => {
    expect(judged(failing("a", "b")).state).toBe("closed");
    expect(judged(failing("a", "b", "c"))).toMatchObject({
      state: "open",
      openings: 1,
      reason: "3 targets failed, the last one because: throttled",
      openedAt: time(2),
      retryAt: time(62),
    });
  });

  it("stays closed for one target that fails again and again, and for failures among many successes", () => {
    expect(judged(failing("a", "a", "a", "a")).state).toBe("closed");
    const mixed = ["a", "p", "q", "b", "r", "s", "c", "t", "u"].map((target, at) => ({
      ...{ at, target, ok: target > "c" },
    }));
    expect(judged(mixed).state).toBe("closed");
    const healthy = ["p", "q", "r", "s", "t"].map((target, at) => ({ at, target, ok: true }));
    expect(judged([...healthy, ...failing("a", "b", "c")]).state).toBe("open");
  });

  it("forgets what is older than its window", () => {
    expect(judged([...failing("a", "b"), { at: 700, target: "c" }]).state).toBe("closed");
  });

  it("opens a region only when more than one plane is hit", () => {
    expect(judged(failing("a", "b", "c", "d"), "region").state).toBe("closed");
    expect(judged([...failing("a", "b"), { at: 3, target: "c", plane: "two" }], "region").state).toBe("open");
  });

  it("closes with a success and waits longer after each failure of the one let through", () => {
    const open = judged(failing("a", "b", "c"));
    expect(judged([{ at: 10, target: "late" }], "plane", open).retryAt).toBe(open.retryAt);
    const again = judged([{ at: 70, target: "d" }], "plane", open);
    expect(again).toMatchObject({ state: "open", openings: 2, openedAt: time(2), retryAt: time(190) });
    expect(judged([{ at: 200, target: "e" }], "plane", again).retryAt).toBe(time(400));
    expect(judged([{ at: 70, target: "d", ok: true }], "plane", open)).toEqual(CLOSED);
  });

  it("is off without a threshold, and does not count what a release is to blame for", () => {
    const facts = judge(
      judged(failing("a", "b")),
      { at: time(3), targetId: "c", planeName: "one", failure: "x" },
      "plane",
      { ...policy, failures: 0 },
    );
    expect(facts.state).toBe("closed");
    expect(isCounted("provider_unavailable")).toBe(true);
    for (const code of ["not_steady", "plan_changed", "cancelled", "program_failed", "deadline_exceeded"])
      expect(isCounted(code)).toBe(false);
  });
});
