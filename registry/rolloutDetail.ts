import type { RolloutDetail } from "../contract/rollout.ts";
import { allowedActions, hasEnded } from "../contract/rolloutActions.ts";
import type { Reader } from "./registry.ts";
import { rolloutGet } from "./rollout.ts";
import { rolloutCountsByWave, totalCounts } from "./rolloutTarget.ts";
import { rolloutWaves } from "./rolloutWave.ts";

/** With its waves and the number of targets in each status. */
export async function rolloutDetail(db: Reader, rolloutId: string): Promise<RolloutDetail> {
  const rollout = await rolloutGet(db, rolloutId);
  const byWave = await rolloutCountsByWave(db, rolloutId);
  const isCancelled = rollout.cancelRequestedAt !== null && !hasEnded(rollout.status);
  const allowed = allowedActions(rollout.status);
  return {
    ...rollout,
    counts: totalCounts(byWave),
    waves: await rolloutWaves(db, rolloutId, byWave),
    allowedActions: isCancelled ? allowed.filter((action) => action === "rollback") : allowed,
  };
}
