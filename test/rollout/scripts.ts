import fc from "fast-check";
import { hasEnded } from "../../contract/rolloutActions.ts";
import { act, type Deed, letGoOn } from "./person.ts";
import { createWatch } from "./rules.ts";
import { createWorld, type Fate, type TargetPlan, type World, type WorldPlan } from "./world.ts";

/** A rollout, a fleet and its fate, and what people do to it. The fleet is drawn from `seed`, which keeps thousands of them cheap. */
export interface Script {
  readonly rollout: WorldPlan["rollout"];
  readonly waves: readonly (WorldPlan["waves"][number] & { readonly size: number })[];
  readonly deeds: readonly Deed[];
  readonly seed: number;
  readonly failing: number;
  readonly unhealthy: number;
  /** Windows, breakers, pins, suspensions, other operations in the way. */
  readonly trouble: number;
}

const amounts = ["1%", "25%", "50%", "100%"] as const;

const wave = fc.record({
  size: fc.integer({ min: 1, max: 6 }),
  maxConcurrency: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom(...amounts)),
  failureTolerance: fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom("0%", ...amounts)),
  concurrencyMode: fc.constantFrom("strict", "soft"),
  bakeMs: fc.constantFrom(0, 40, 200),
  approval: fc.constantFrom(false, false, false, true),
});

const deed = fc.record({
  at: fc.integer({ min: 0, max: 1_500 }),
  action: fc.constantFrom("pause", "resume", "cancel", "approve", "skip", "retry", "retarget", "rollback"),
  pick: fc.nat(30),
}) as fc.Arbitrary<Deed>;

export const anyScript = fc.record({
  rollout: fc.record({
    onExceeded: fc.constantFrom("halt", "rollback"),
    stuckAfterMs: fc.constantFrom(90, 100_000),
    emergency: fc.constantFrom(false, false, true),
  }),
  waves: fc.array(wave, { minLength: 1, maxLength: 4 }),
  deeds: fc.array(deed, { maxLength: 5 }),
  seed: fc.nat(1_000_000_000),
  failing: fc.constantFrom(0, 0, 0.1, 0.5),
  unhealthy: fc.constantFrom(0, 0, 0.2),
  trouble: fc.constantFrom(0, 0, 0.3),
}) as fc.Arbitrary<Script>;

export function planOf({ rollout, waves, seed, failing, unhealthy, trouble }: Script): WorldPlan {
  const draw = createDraw(seed);
  const targets = waves.flatMap(({ size }, index) =>
    Array.from({ length: size }, () => targetPlan(index + 1, draw, { failing, unhealthy, trouble })),
  );
  return { rollout, waves, targets, lookLagMs: draw(30) };
}

type Draw = (below: number) => number;
type Odds = Pick<Script, "failing" | "unhealthy" | "trouble">;

function targetPlan(number: number, draw: Draw, odds: Odds): TargetPlan {
  const happens = (probability: number) => draw(1_000) < probability * 1_000;
  const fate = (): Fate => ({
    durationMs: 1 + draw(60) + (happens(odds.trouble / 5) ? 150 : 0),
    outcome: happens(odds.failing) ? "failed" : happens(0.15) ? "unchanged" : "changed",
    leavesParts: happens(0.5),
    ...(happens(odds.unhealthy) ? { unhealthyAfterMs: 1 + draw(150) } : {}),
  });
  const broken = draw(300);
  return {
    wave: number,
    fates: [fate(), fate()],
    rollback: { durationMs: 1 + draw(60), outcome: happens(odds.failing / 5) ? "failed" : "changed" },
    ...(happens(odds.trouble) ? { opensAt: happens(0.2) ? "closed" : draw(600) } : {}),
    ...(happens(odds.trouble) ? { breaker: { from: broken, until: broken + 1 + draw(400) } } : {}),
    ...(happens(odds.trouble / 3) ? { held: "it is pinned" } : {}),
    ...(happens(odds.trouble / 3) ? { skip: "it is suspended" } : {}),
    ...(happens(odds.trouble / 2) ? { busyUntil: 1 + draw(300) } : {}),
  };
}

/** Mulberry32: small, quick, and the same everywhere. */
export function createDraw(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/** More moments than any of these small worlds has; what goes on longer does not end. */
const MOST_MOMENTS = 5_000;

/** Plays it to its end, with somebody patient to resume, approve and decide at last; `gives up`: who cancels what is halted. */
export function play(script: Script, person: "any" | "gives up" = "any"): World {
  const world = createWorld(planOf(script), createWatch());
  const deeds = script.deeds.toSorted((left, right) => left.at - right.at);
  let next = 0;
  world.drive();
  for (let moment = 0; moment < MOST_MOMENTS; moment += 1) {
    const deed = deeds[next];
    if (world.step(deed?.at)) continue;
    if (deed !== undefined) {
      world.now = Math.max(world.now, deed.at);
      act(world, deed);
      next += 1;
    } else if (hasEnded(world.rollout.status)) return world;
    else if (!letGoOn(world, person === "any" ? moment : 0))
      throw new Error(`it waits for nothing: ${JSON.stringify(world.rollout)}`);
  }
  throw new Error("it does not end");
}
