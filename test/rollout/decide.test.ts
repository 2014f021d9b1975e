import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tolerated } from "./rules.ts";
import { anyScript, play, type Script } from "./scripts.ts";
import type { World } from "./world.ts";

/**
 * Random fleets, failures, delays, windows, breakers, pins, and what people do meanwhile, in virtual time. The rules that hold at every
 * moment (concurrency, tolerance, order, windows, pauses, nothing twice) are in rules.ts and throw while a script is played; what holds
 * in the end is here.
 */
const FLEETS = 10_000;
const LONG = { timeout: 600_000 };
const ENDS = ["succeeded", "unchanged", "failed", "skipped", "held", "rolled_back"];

const targetsOf = (world: World) => [...world.targets.values()];

describe("a rollout", () => {
  it("keeps its rules at every moment, and every target of it ends", LONG, () => {
    fc.assert(
      fc.property(anyScript, (script) => {
        const world = play(script);
        for (const { view, reason } of targetsOf(world)) {
          expect(ENDS).toContain(view.status);
          expect(view.rollbackRequested && view.status !== "unchanged").toBe(false);
          const needsReason = ["failed", "skipped", "held"].includes(view.status);
          if (needsReason) expect(reason).not.toBeNull();
        }
      }),
      { numRuns: FLEETS },
    );
  });

  it("leaves every target exactly as it was when it is rolled back", LONG, () => {
    let rolledBack = 0;
    fc.assert(
      fc.property(anyScript, (script) => {
        const world = play({
          ...script,
          failing: 0.5,
          rollout: { ...script.rollout, onExceeded: "rollback" },
        });
        for (const { view, value } of targetsOf(world)) {
          if (view.status === "rolled_back" || view.status === "held") expect(value).toBe("before");
          if (world.rollout.status !== "rolled_back") continue;
          expect(value).toBe("before");
          rolledBack += 1;
        }
      }),
      { numRuns: FLEETS },
    );
    expect(rolledBack).toBeGreaterThan(5_000);
  });

  it("begins each target once, and after that only what a retry or a new release asks for", () => {
    fc.assert(
      fc.property(anyScript, (script) => {
        const world = play(calm(script));
        for (const { view, begun } of targetsOf(world)) {
          expect(begun).toBe(view.status === "skipped" || view.status === "held" ? 0 : 1);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("loses nothing to pauses: each target ends as it would have without", LONG, () => {
    const pauses = fc.array(fc.tuple(fc.integer({ min: 0, max: 800 }), fc.integer({ min: 1, max: 200 })), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(anyScript, pauses, (script, times) => {
        const plain = { ...calm(script), unhealthy: 0 };
        const deeds = times.flatMap(([at, lasts]) => [
          { at, action: "pause" as const, pick: 0 },
          { at: at + lasts, action: "resume" as const, pick: 0 },
        ]);
        const ends = (world: World) =>
          targetsOf(world).map(({ view, begun, value }) => [view.status, begun, value]);
        expect(ends(play({ ...plain, deeds }))).toEqual(ends(play(plain)));
      }),
      { numRuns: FLEETS },
    );
  });

  it("lets a strict wave pass its tolerance by one at most, however many run at once", LONG, () => {
    let passed = 0;
    fc.assert(
      fc.property(anyScript, (script) => {
        const strict = script.waves.map((wave) => ({ ...wave, concurrencyMode: "strict" as const }));
        const onExceeded = "halt" as const;
        const rollout = { ...script.rollout, onExceeded };
        const world = play(
          { ...script, rollout, waves: strict, deeds: [], failing: 0.5, unhealthy: 0 },
          "gives up",
        );
        for (const wave of world.rollout.waves) {
          const failures = targetsOf(world).filter(
            ({ view }) => view.wave === wave.wave && view.status === "failed",
          ).length;
          expect(failures).toBeLessThanOrEqual(tolerated(wave) + 1);
          if (failures > tolerated(wave)) passed += 1;
        }
      }),
      { numRuns: FLEETS },
    );
    expect(passed).toBeGreaterThan(500);
  });

  it("succeeds when nothing fails and nobody interferes", () => {
    fc.assert(
      fc.property(anyScript, (script) => {
        const world = play({ ...script, deeds: [], failing: 0, unhealthy: 0, trouble: 0 });
        expect(world.rollout.status).toBe("succeeded");
        for (const { view } of targetsOf(world)) expect(["succeeded", "unchanged"]).toContain(view.status);
        expect(world.rollout.waves.every(({ endedAt }) => endedAt !== null)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

/** Without anybody's doing, and with a tolerance that nothing passes. */
function calm(script: Script): Script {
  const waves = script.waves.map((wave) => ({ ...wave, failureTolerance: "100%" as const }));
  return { ...script, waves, deeds: [] };
}
