import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "./ledger.ts";
import type { RunningStep } from "./observer.ts";
import type { Victim } from "./plan.ts";
import { signal } from "./processes.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import { createShots, type Shot } from "./shots.ts";
import { isLastStep, isLastUndo, operationOfStepKind, undoOf } from "./stepKinds.ts";
import type { Tally } from "./tally.ts";
import type { World } from "./world.ts";

/**
 * Kills by plan, each at a moment that counts: it waits for steps that still need hits, lets a random part of a
 * long one pass, makes everything that drives steps stand still, looks into the registry which steps run, and only then kills. So every
 * counted hit is one. In between it lets things go on for slices of a few milliseconds and glances at what runs all the time, so that steps
 * which take no longer are met as well.
 *
 * It is choosy: at first it takes only moments at which several needed steps run at once. When none of the needed comes in
 * time it takes any step, in the end any moment. Steps are undone only where an operation turns round, so where the undoing of
 * a step is needed, it has the operation cancelled during the step: with a kill, before that goes on, or without one.
 */
export interface Killer {
  /** Until every kill of the plan is done and everything killed has been started again. */
  run(plan: readonly Victim[], minutes: number): Promise<void>;
}

export interface KillerParts {
  readonly world: World;
  readonly tally: Tally;
  readonly ledger: Ledger;
  readonly random: Random;
  /** How much of the time below it takes to wait for good moments, from 0 to 1: a short run must not hit everything. */
  readonly patience: number;
  cancel(operationId: string): Promise<void>;
}

const LOOK_EVERY_MS = 4;
/** Between two looks it glances as often, for so long, without stopping anybody. */
const GLANCE_EVERY_MS = 1;
const GLANCES_MS = 20;
/** Of the kills strike while the services start again after the one before. */
const KILLED_AT_START = 0.02;
const START_MS = 1_500;
const RECOVERY_LIMIT_MS = 30_000;
/** What is killed over and over gets nowhere: between two kills in long steps an operation ends, unless none does for long. */
const BREATH_LIMIT_MS = 8_000;
/** Longer is no random instant any more: the last moments of a long step are as good as its first. */
const LONGEST_DELAY_MS = 4_000;
/** A step that takes less is struck as soon as it is seen: a delay would miss it. An undoing right after a start takes this long. */
const BRIEF_MS = 500;
/**
 * How many needed steps a moment must have, by how long it has been waited for one: `more` than what each kill left must meet
 * for all to be met in the end.
 */
const CHOOSY_MS = [
  { beforeMs: 5_000, more: 1 },
  { beforeMs: 40_000, more: 0 },
  { beforeMs: 300_000, more: -1 },
] as const;
/** From so many missing hits for each kill left on, one at a time is not enough: not every kill meets one. */
const MANY_MISSING = 0.8;
/** Engine processes serve one operation, and few kinds of steps. */
const ENGINE_PATIENCE_MS = 6_000;
/** Nothing that could be met has run for so long, in a short run; in a long one not before it is choosy no more. */
const ANY_MOMENT_AFTER_MS = 90_000;
const TURNED_EARLY = 0.2;
/** With no more kinds wanted than these, one of them the undoing of a last step, kills that can bring it about come first. */
const FEW_KINDS = 5;
/** Until a request lies at the door of a service that stands still. */
const SENT_MS = 20;
const TAKEN_WITHIN_MS = 200;
/** Of the operations that could be turned round for a needed undoing, those that are while nothing is killed. */
const TURNED_IN_PEACE = 0.7;

/** Whoever drives steps is gone with these, so that no step goes on to its end. */
const CUTTING: ReadonlySet<Victim> = new Set(["service", "host"]);

export function createKiller(parts: KillerParts): Killer {
  const { world, tally, ledger, random, patience, cancel } = parts;
  const shots = createShots(world, ledger, random);
  const anyMomentAfterMs = Math.max(ANY_MOMENT_AFTER_MS, CHOOSY_MS[2].beforeMs * patience);
  const typical = new Map<string, { readonly ms: number; readonly isSure: boolean }>();
  const seen = new Map<string, { step: string; sinceMs: number; isDisturbed: boolean }>();
  const cancelled = new Map<string, Promise<void>>();
  const dices = new Map<string, number>();
  const spared = new Set<string>();
  /** Last steps that were over before a cancellation was taken. */
  const overAtOnce = new Set<string>();

  /** Learns how long steps take while it looks. */
  async function running(): Promise<RunningStep[]> {
    const steps = await world.observer.running();
    const now = Date.now();
    const keys = new Set(steps.map(keyOf));
    for (const step of steps) {
      const isDisturbed = !world.replicas.some(({ pid }) => pid !== undefined && pid === step.ownerPid);
      if (!seen.has(keyOf(step))) seen.set(keyOf(step), { step: step.step, sinceMs: now, isDisturbed });
    }
    for (const [key, { step, sinceMs, isDisturbed }] of seen) {
      if (keys.has(key)) continue;
      seen.delete(key);
      learn(step, now - sinceMs, !isDisturbed);
    }
    return steps;
  }

  /** A step that a kill met looks as long as its process was dead: that counts until one is seen that none met. */
  function learn(step: string, ms: number, isSure: boolean): void {
    const known = typical.get(step);
    if (known === undefined || (isSure && !known.isSure)) typical.set(step, { ms, isSure });
    else if (isSure || !known.isSure) typical.set(step, { ms: 0.7 * known.ms + 0.3 * ms, isSure });
  }

  /**
   * Its undoing is needed, and nobody has had the operation cancelled yet. Mostly it is let go on to the last step of which that is
   * so, because whatever comes before is undone as well.
   */
  function isToBeTurned({ step, operationId }: RunningStep): boolean {
    const undo = undoOf(step);
    if (!tally.isWanted(undo) || cancelled.has(operationId)) return false;
    const saga = `${operationOfStepKind(step)}/undo `;
    const last = tally.wanted().findLast((wanted) => wanted.startsWith(saga));
    if (undo === last) return true;
    const dice = dices.get(operationId) ?? random.next();
    dices.set(operationId, dice);
    return dice < TURNED_EARLY;
  }

  /** Undoings cannot be waited for: somebody must change their mind, and that costs no kill. */
  function turnSome(steps: readonly RunningStep[]): void {
    for (const step of steps.filter(isToBeTurned)) {
      if (spared.has(keyOf(step)) || isLastStep(step.step)) continue;
      if (random.chance(TURNED_IN_PEACE)) turn(step);
      else spared.add(keyOf(step));
    }
  }

  /** Over before everything else is up again; undoings because whoever is taken up again goes through them one by one. */
  function isFleeting(step: RunningStep): boolean {
    return typicalOf(step) <= BRIEF_MS || step.step.includes("/undo ");
  }

  function isNeeded(step: RunningStep, victim: Victim): boolean {
    return tally.isWanted(step.step) || isTurnedLate(step, victim);
  }

  function isTurnedLate(step: RunningStep, victim: Victim): boolean {
    if (!CUTTING.has(victim) || !isLastStep(step.step)) return false;
    return isToBeTurned(step) || (step.isCancelled && tally.isWanted(undoOf(step.step)));
  }

  function turn({ operationId }: RunningStep): void {
    cancelled.set(operationId, cancel(operationId));
  }

  /** The steps that were met, or undefined when too few of them are needed; the victim then goes on. */
  async function strike(
    victim: Victim,
    least: number,
    isBriefOnly: boolean,
  ): Promise<RunningStep[] | undefined> {
    const shot = await shots.at(victim);
    if (shot === undefined) return undefined;
    const counts = (step: RunningStep) =>
      least === 0 || (isNeeded(step, victim) && (!isBriefOnly || isFleeting(step)));
    const worth = (steps: readonly RunningStep[]) =>
      new Set(steps.filter(counts).map(({ step }) => step)).size;
    await glance(shot, (steps) => worth(steps) >= Math.max(1, least));
    const aims = await standing(shot);
    if (worth(aims) < Math.max(1, least)) {
      release(shot);
      return void turnSome(aims);
    }
    const late = aims.filter((step) => isTurnedLate(step, victim));
    if (late.length > 0) return turnLate(shot, late, aims);
    const delayMs = Math.min(...aims.filter(counts).map(surelyTakes));
    if (delayMs <= BRIEF_MS) return fire(shot, aims);
    release(shot);
    await sleep(random.next() * Math.min(delayMs, LONGEST_DELAY_MS));
    const met = await standing(shot);
    return worth(met) < Math.max(1, least) ? release(shot) : fire(shot, met);
  }

  /** Returns as soon as the moment is good, or when the slice is over. */
  async function glance(shot: Shot, isGood: (steps: readonly RunningStep[]) => boolean): Promise<void> {
    for (const endMs = Date.now() + GLANCES_MS; Date.now() < endMs; await sleep(GLANCE_EVERY_MS)) {
      if (isGood((await running()).filter((step) => isStep(step) && shot.meets(step)))) return;
    }
  }

  /**
   * Cancelled in its last step an operation succeeds all the same, unless the step is cut off: then whoever takes it up knows of the
   * cancellation before anything else, and turns round. It is sent while the services stand still: such a step is over before a
   * request that sets out during it is taken. A step that was over even so is cut off first from then on, and again once it has been taken
   * up and the cancellation is in: done by a service that has just started, it takes long enough.
   */
  async function turnLate(
    shot: Shot,
    late: readonly RunningStep[],
    aims: RunningStep[],
  ): Promise<RunningStep[] | undefined> {
    if (late.some(({ step, isCancelled }) => isCancelled || overAtOnce.has(step))) {
      isUndoingNext = true;
      return fire(shot, aims);
    }
    late.forEach(turn);
    await sleep(SENT_MS);
    release(shot);
    const taken = Promise.all(late.map(({ operationId }) => cancelled.get(operationId)));
    await Promise.race([taken, sleep(TAKEN_WITHIN_MS)]);
    const met = await standing(shot);
    const isStill = late.some((step) => met.some((one) => keyOf(one) === keyOf(step)));
    if (!isStill) {
      for (const { step } of late) overAtOnce.add(step);
      return release(shot);
    }
    isUndoingNext = true;
    return fire(shot, met);
  }

  function typicalOf({ step }: RunningStep): number {
    return typical.get(step)?.ms ?? 0;
  }

  /** Nothing, where that is not known: it may be over soon. */
  function surelyTakes({ step }: RunningStep): number {
    const known = typical.get(step);
    return known?.isSure === true ? known.ms : 0;
  }

  async function fire(shot: Shot, met: RunningStep[]): Promise<RunningStep[]> {
    await shot.fire();
    release(shot);
    return met;
  }

  /** The steps that a shot would meet, looked up while nothing drives them on. */
  async function standing(shot: Shot): Promise<RunningStep[]> {
    for (const pid of shot.still) signal(pid, "SIGSTOP");
    try {
      return (await running()).filter((step) => isStep(step) && shot.meets(step));
    } catch (thrown) {
      release(shot);
      throw thrown;
    }
  }

  function release({ still }: Shot): undefined {
    for (const pid of still) signal(pid, "SIGCONT");
  }

  async function recovered(): Promise<void> {
    await Promise.race([Promise.all(world.replicas.map(untilUp)), sleep(RECOVERY_LIMIT_MS)]);
  }

  /** A lost host is away for long; the others go on. */
  async function untilUp(replica: Replica): Promise<void> {
    if (world.replicas.length > 1 && replica.pid === undefined) return;
    await replica.untilReady().catch(() => undefined);
  }

  /** When everything works again and an operation has ended since the last kill, or long enough later. */
  function rest(): { isOver(): boolean } {
    const sinceMs = Date.now();
    let isUp = false;
    void recovered().then(() => {
      isUp = true;
    });
    const before = new Set([...seen.keys()].map(operationOf));
    const hasEnded = () => {
      const now = new Set([...seen.keys()].map(operationOf));
      return before.size === 0 || [...before].some((operationId) => !now.has(operationId));
    };
    return { isOver: () => isUp && (hasEnded() || Date.now() - sinceMs > BREATH_LIMIT_MS * patience) };
  }

  async function one(victim: Victim, isForUndoing: boolean): Promise<void> {
    if (!isForUndoing && random.chance(KILLED_AT_START)) {
      await sleep(random.next() * START_MS);
      if (await anyMoment(victim)) return told(victim, []);
    }
    const leastAtStart = isForUndoing ? 1 : leastAtOnce();
    const resting = rest();
    let restedAtMs: number | undefined;
    for (;;) {
      if (restedAtMs === undefined && resting.isOver()) restedAtMs = Date.now();
      const passedMs = restedAtMs === undefined ? 0 : Date.now() - restedAtMs;
      // What is brief is over before anything else is: whoever is taken up again begins with it.
      const isBriefOnly = restedAtMs === undefined;
      const least = isBriefOnly ? leastAtStart : leastAfter(victim, passedMs);
      const met = await strike(victim, least, isBriefOnly);
      if (met !== undefined) return told(victim, met);
      if (passedMs > anyMomentAfterMs && (await anyMoment(victim))) return told(victim, []);
      // Where no engine runs at all there is no CLI to kill, but always a service.
      if (passedMs > 2 * anyMomentAfterMs && (await anyMoment("service"))) return told("service", []);
      await sleep(LOOK_EVERY_MS);
    }
  }

  function leastAfter(victim: Victim, passedMs: number): number {
    if (tally.wanted().every((step) => isLastUndo(step) && !CUTTING.has(victim))) return 0;
    if (victim === "worker" || victim === "cli") return passedMs < ENGINE_PATIENCE_MS * patience ? 1 : 0;
    const more = CHOOSY_MS.find(({ beforeMs }) => passedMs < beforeMs * patience)?.more;
    return more === undefined ? 0 : Math.max(1, leastAtOnce() + more);
  }

  function leastAtOnce(): number {
    return tally.missing() / killsLeft > MANY_MISSING ? 2 : 1;
  }

  async function anyMoment(victim: Victim): Promise<boolean> {
    const shot = await shots.at(victim);
    await shot?.fire();
    return shot !== undefined;
  }

  /** The next kill of the plan, or the next that cuts: an operation that was turned round in its last step is undone right away. */
  function take(left: Victim[], isForUndoing: boolean): Victim | undefined {
    const wanted = tally.wanted();
    const isToCut = isForUndoing || (wanted.length <= FEW_KINDS && wanted.some(isLastUndo));
    const at = isToCut ? left.findIndex((victim) => CUTTING.has(victim)) : 0;
    return left.splice(Math.max(0, at), 1)[0];
  }

  let isUndoingNext = false;
  let killsLeft = 1;
  let number = 0;
  function told(victim: Victim, met: readonly RunningStep[]): void {
    const turned = met.filter(isToBeTurned);
    const steps = met.map(({ step }) => step);
    tally.hit(victim, steps);
    turned.forEach(turn);
    for (const one of seen.values()) one.isDisturbed = true;
    number += 1;
    const turning = turned.length === 0 ? "" : ` (${turned.length} to be cancelled)`;
    ledger.say(`kill ${number}: ${victim} during ${steps.join(", ") || "no step"}${turning}`);
  }

  return {
    async run(plan, minutes) {
      const startedAtMs = Date.now();
      const slotMs = (minutes * 60_000) / plan.length;
      const left = [...plan];
      for (const index of plan.keys()) {
        killsLeft = left.length;
        const isForUndoing = isUndoingNext;
        isUndoingNext = false;
        const victim = take(left, isForUndoing);
        if (victim === undefined) break;
        await sleep(Math.max(0, startedAtMs + (index + 0.5 * random.next()) * slotMs - Date.now()));
        await one(victim, isForUndoing);
      }
      await shots.restored();
      await Promise.all(cancelled.values());
    },
  };
}

function keyOf({ operationId, step, attempt }: RunningStep): string {
  return `${operationId} ${step} ${attempt}`;
}

function operationOf(key: string): string {
  return key.slice(0, key.indexOf(" "));
}

/** Between two steps there is nothing to count. */
function isStep({ step }: RunningStep): boolean {
  return !step.endsWith("-");
}
