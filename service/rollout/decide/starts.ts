import type { Action } from "./action.ts";
import { byReason } from "./byReason.ts";
import { roomIn } from "./concurrency.ts";
import { isOpen, type Tally, type WaveTally } from "./tally.ts";
import type { RolloutView, TargetView } from "./view.ts";

/**
 * The way forward, while the rollout runs: wave after wave, and within a wave as many as there is room for. Waves before the newest are
 * open again after a retry; their targets go first, and no new wave begins until they have ended once more.
 */
export function startActions({ rollout, waves, underWay }: Tally, now: number): readonly Action[] {
  if (rollout.status !== "running" || rollout.cancelRequested) return [];
  const open = waves.filter(isOpen);
  const leftOut = open.flatMap(leftOutOf);
  if (leftOut.length > 0) return leftOut;
  const next = nextWave(waves);
  if (next.length > 0) return next;
  return startsIn(open, rollout, underWay, now);
}

/** Those that are no longer to be changed, asked when it is their turn: much may have happened since they were chosen. */
function leftOutOf({ pending }: WaveTally): Action[] {
  const skipped = byReason(pending, ({ skip }) => skip);
  const held = byReason(pending, (target) => (target.skip === undefined ? target.held : undefined));
  return [
    ...skipped.map((group): Action => ({ kind: "skip", ...group })),
    ...held.map((group): Action => ({ kind: "hold", ...group })),
  ];
}

/** The first wave that has not ended begins, if it has not; with nobody left in it there is nothing to ask approval for. */
function nextWave(waves: readonly WaveTally[]): Action[] {
  const next = waves.find(({ wave }) => wave.endedAt === null);
  if (next === undefined || next.wave.startedAt !== null || next.pending.length === 0) return [];
  const { wave, approval, approvedAt, approvalAskedAt } = next.wave;
  if (!approval || approvedAt !== null) return [{ kind: "startWave", wave }];
  return approvalAskedAt === null ? [{ kind: "awaitApproval", wave }] : [];
}

function startsIn(open: readonly WaveTally[], rollout: RolloutView, underWay: number, now: number): Action[] {
  const actions: Action[] = [];
  let running = underWay;
  for (const tally of open) {
    const ready = decidedFirst(tally.pending.filter((target) => mayStart(target, rollout, now)));
    const room = Math.max(0, roomIn(tally, running));
    const targetIds = ready.slice(0, room).map(({ targetId }) => targetId);
    if (targetIds.length > 0) actions.push({ kind: "start", wave: tally.wave.wave, targetIds });
    running += targetIds.length;
    // Else a later wave would take the room that this one waits for, again and again.
    if (targetIds.length < ready.length) break;
  }
  return actions;
}

/** Else those that cannot begin would take the room of those that can, again and again. */
function decidedFirst(ready: readonly TargetView[]): readonly TargetView[] {
  const undecided = ready.filter((target) => target.undecided === true);
  if (undecided.length === 0) return ready;
  return [...ready.filter((target) => target.undecided !== true), ...undecided];
}

function mayStart(target: TargetView, { emergency }: RolloutView, now: number): boolean {
  const { mayStartAt, breakerOpen, queueFull } = target;
  if (breakerOpen === true || queueFull === true) return false;
  if (emergency || mayStartAt === undefined) return true;
  return mayStartAt !== "closed" && mayStartAt <= now;
}
