import type { Action } from "./action.ts";
import { type Tally, tallyOf } from "./tally.ts";
import type { RolloutView, TargetView, WaveView } from "./view.ts";

/** The state as it is when actions were carried out: what the registry would say next, without what the world then does. */
export function applied({ rollout, targets }: Tally, actions: readonly Action[], now: number): Tally {
  let after = rollout;
  const changes = new Map<string, Partial<TargetView>>();
  for (const action of actions) {
    after = rolloutAfter(after, action, now);
    const change = targetChange(action, now);
    if (change === undefined || !("targetIds" in action)) continue;
    for (const targetId of action.targetIds) changes.set(targetId, change);
  }
  if (changes.size === 0) return tallyOf(after, targets);
  const moved = targets.map((target) => {
    const change = changes.get(target.targetId);
    return change === undefined ? target : withChange(target, change);
  });
  return tallyOf(after, moved);
}

/** What was seen of its health belongs to the run before. */
function withChange({ health, ...target }: TargetView, change: Partial<TargetView>): TargetView {
  const begins = change.status === "running" || change.status === "rolling_back";
  return { ...target, ...(health === undefined || begins ? {} : { health }), ...change };
}

function targetChange(action: Action, now: number): Partial<TargetView> | undefined {
  switch (action.kind) {
    case "start":
      return { status: "running", progressAt: now, endedAt: null };
    case "rollBack":
      return { status: "rolling_back", progressAt: now, endedAt: null };
    case "skip":
      return { status: "skipped" };
    case "hold":
      return { status: "held" };
    case "fail":
      return { status: "failed" };
    case "endBake":
      return { status: "succeeded" };
    default:
      return undefined;
  }
}

function rolloutAfter(rollout: RolloutView, action: Action, now: number): RolloutView {
  const moved =
    action.kind === "stuck" || action.kind === "wakeAt" ? rollout : { ...rollout, progressAt: now };
  switch (action.kind) {
    case "awaitApproval":
      return withWave(moved, action.wave, { approvalAskedAt: now });
    case "startWave":
      return withWave(moved, action.wave, { startedAt: now });
    case "startBake":
      return withWave(moved, action.wave, { bakeUntil: action.until });
    case "endWave":
      return withWave(moved, action.wave, { endedAt: now });
    case "halt":
      return { ...moved, status: "halted" };
    case "beginRollback":
      return { ...moved, status: "rolling_back" };
    case "stuck":
      return { ...moved, stuckSince: now };
    case "unstuck":
      return { ...moved, stuckSince: null };
    case "finish":
      return { ...moved, status: action.status };
    default:
      return moved;
  }
}

function withWave(rollout: RolloutView, number: number, change: Partial<WaveView>): RolloutView {
  const waves = rollout.waves.map((wave) => (wave.wave === number ? { ...wave, ...change } : wave));
  return { ...rollout, waves };
}
