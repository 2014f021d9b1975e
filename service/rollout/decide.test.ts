import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RolloutTargetStatus } from "../../contract/vocabulary.ts";
import { decide, type RolloutTargetView, type RolloutView } from "./decide.ts";

const script = fc.record({
  maxConcurrency: fc.integer({ min: 1, max: 5 }),
  waves: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 0, maxLength: 4 }),
  failing: fc.array(fc.nat(23), { maxLength: 2 }),
  cancelAfter: fc.option(fc.nat(30), { nil: undefined }),
  order: fc.array(fc.nat(1000), { minLength: 60, maxLength: 60 }),
});

interface Trace {
  readonly final: RolloutView;
  readonly outcome: string;
  readonly started: readonly RolloutTargetView[];
  readonly mostAtOnce: number;
  readonly startedAfterFailure: number;
  readonly waveOverlap: boolean;
}

/** Plays a rollout to its end: applies each decision, and on "wait" ends one running target picked by `order`. */
function play(input: {
  maxConcurrency: number;
  waves: number[];
  failing: number[];
  cancelAfter: number | undefined;
  order: number[];
}): Trace {
  const targets = input.waves.flatMap((size, wave) =>
    Array.from({ length: size }, (_, index) => ({ targetId: `${wave}-${index}`, wave })),
  );
  const states = new Map<string, RolloutTargetStatus>(targets.map((target) => [target.targetId, "pending"]));
  const failing = new Set(input.failing.map((index) => targets[index]?.targetId));
  const started: RolloutTargetView[] = [];
  let [mostAtOnce, startedAfterFailure, waveOverlap] = [0, 0, false];
  for (let turn = 0; turn < 200; turn += 1) {
    const view: RolloutView = {
      maxConcurrency: input.maxConcurrency,
      cancelRequested: input.cancelAfter !== undefined && turn >= input.cancelAfter,
      targets: targets.map((target) => ({ ...target, status: states.get(target.targetId) ?? "pending" })),
    };
    const decision = decide(view);
    const running = view.targets.filter((target) => target.status === "running");
    mostAtOnce = Math.max(mostAtOnce, running.length);
    waveOverlap ||= new Set(running.map((target) => target.wave)).size > 1;
    if (decision.kind === "finish") {
      return {
        final: view,
        outcome: decision.outcome,
        started,
        mostAtOnce,
        startedAfterFailure,
        waveOverlap,
      };
    }
    if (decision.kind === "start") {
      if (view.targets.some((target) => target.status === "failed")) startedAfterFailure += 1;
      for (const targetId of decision.targetIds) {
        const target = view.targets.find((candidate) => candidate.targetId === targetId);
        if (target?.status !== "pending") throw new Error(`${targetId} was started twice`);
        started.push(target);
        states.set(targetId, "running");
      }
    } else if (decision.kind === "skip") {
      for (const targetId of decision.targetIds) states.set(targetId, "skipped");
    } else {
      const ending = running[(input.order[turn % input.order.length] ?? 0) % running.length];
      if (ending === undefined) throw new Error("the rollout waits although nothing runs");
      states.set(ending.targetId, failing.has(ending.targetId) ? "failed" : "succeeded");
    }
  }
  throw new Error("the rollout does not end");
}

describe("decide", () => {
  it("never exceeds the concurrency and never mixes waves", () => {
    fc.assert(
      fc.property(script, (input) => {
        const trace = play(input);
        expect(trace.mostAtOnce).toBeLessThanOrEqual(input.maxConcurrency);
        expect(trace.waveOverlap).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it("starts targets in the order of the waves", () => {
    fc.assert(
      fc.property(script, (input) => {
        const ids = play(input).started.map((target) => target.targetId);
        expect(ids).toEqual([...ids].sort());
      }),
      { numRuns: 500 },
    );
  });

  it("ends every target, and starts nothing after a failure", () => {
    fc.assert(
      fc.property(script, (input) => {
        const trace = play(input);
        const ended = new Set<RolloutTargetStatus>(["succeeded", "failed", "skipped"]);
        expect(trace.final.targets.every((target) => ended.has(target.status))).toBe(true);
        expect(trace.startedAfterFailure).toBe(0);
        const failed = trace.final.targets.some((target) => target.status === "failed");
        if (failed) expect(trace.outcome).toBe("failed");
        else if (input.cancelAfter === undefined) expect(trace.outcome).toBe("succeeded");
      }),
      { numRuns: 500 },
    );
  });
});
