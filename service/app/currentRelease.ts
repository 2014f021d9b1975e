import type { Target } from "../../contract/target.ts";
import type { Reader } from "../../registry/registry.ts";
import { planeReleaseAfter } from "../../registry/rollout.ts";

/**
 * The release a target comes back on after it has rested: what the last rollout that succeeded on its plane since then
 * brought there, as it would have brought it to this target had it run. Rollouts pass resting targets by, and one that
 * failed says nothing of where the fleet is meant to be. Without such a rollout, the target's own goal.
 */
export async function catchUpRelease(
  db: Reader,
  { planeName, targetReleaseNumber, currentReleaseNumber, updatedAt }: Target,
): Promise<number | null> {
  const own = targetReleaseNumber ?? currentReleaseNumber;
  return (await planeReleaseAfter(db, planeName, updatedAt)) ?? own;
}
