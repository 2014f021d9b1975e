import type { RolloutTargetStatus } from "../../../contract/vocabulary.ts";
import type { RolloutView, TargetView, WaveView } from "./view.ts";

/** A wave with its targets sorted by what can become of them; made anew for each decision, in one pass. */
export interface WaveTally {
  readonly wave: WaveView;
  readonly pending: readonly TargetView[];
  /** Those that wait to be rolled back are not among them. */
  readonly baking: readonly TargetView[];
  readonly awaitingRollback: readonly TargetView[];
  readonly running: number;
  readonly rollingBack: number;
  readonly failed: number;
  /** When the last of those that bake or have failed ended; null when there are none. */
  readonly lastEndedAt: number | null;
}

export interface Tally {
  readonly rollout: RolloutView;
  readonly targets: readonly TargetView[];
  readonly waves: readonly WaveTally[];
  /** Operations that the rollout has under way, in either direction. */
  readonly underWay: number;
}

export function tallyOf(rollout: RolloutView, targets: readonly TargetView[]): Tally {
  const waves = new Map(rollout.waves.map((wave) => [wave.wave, emptyTally(wave)]));
  let underWay = 0;
  for (const target of targets) {
    const tally = waves.get(target.wave);
    if (tally === undefined) continue;
    count(tally, target);
    if (isUnderWay(target)) underWay += 1;
  }
  return { rollout, targets, waves: [...waves.values()], underWay };
}

export function isUnderWay({ status }: TargetView): boolean {
  return status === "running" || status === "rolling_back";
}

/** What runs is rolled back once it has ended; what had nothing to change has nothing to take back. */
export function awaitsRollback({ rollbackRequested, status }: TargetView): boolean {
  return rollbackRequested && TAKEN_BACK_FROM.includes(status);
}

/** A skipped one too: it may have been begun, failed and left out after that. */
const TAKEN_BACK_FROM: readonly RolloutTargetStatus[] = ["baking", "succeeded", "failed", "skipped", "held"];

/** It has begun and not ended. */
export function isOpen({ wave }: WaveTally): boolean {
  return wave.startedAt !== null && wave.endedAt === null;
}

/** Nothing more becomes of the wave's targets by themselves. */
export function isSettled({ pending, baking, awaitingRollback, running, rollingBack }: WaveTally): boolean {
  return pending.length + baking.length + awaitingRollback.length + running + rollingBack === 0;
}

type Growing = {
  -readonly [Key in keyof WaveTally]: WaveTally[Key] extends readonly TargetView[]
    ? TargetView[]
    : WaveTally[Key];
};

function emptyTally(wave: WaveView): Growing {
  const lists = { pending: [], baking: [], awaitingRollback: [] };
  return { wave, ...lists, running: 0, rollingBack: 0, failed: 0, lastEndedAt: null };
}

function count(tally: Growing, target: TargetView): void {
  const { status, endedAt } = target;
  if (awaitsRollback(target)) tally.awaitingRollback.push(target);
  else if (status === "pending") tally.pending.push(target);
  else if (status === "baking") tally.baking.push(target);
  if (status === "running") tally.running += 1;
  if (status === "rolling_back") tally.rollingBack += 1;
  if (status === "failed") tally.failed += 1;
  if ((status === "baking" || status === "failed") && endedAt !== null) {
    tally.lastEndedAt = Math.max(tally.lastEndedAt ?? endedAt, endedAt);
  }
}
