import { releaseCompatibility } from "../../contract/releaseCompatibility.ts";
import type { Target } from "../../contract/target.ts";
import { pinsOf } from "../../registry/pin.ts";
import type { Reader } from "../../registry/registry.ts";
import { releaseFind } from "../../registry/release.ts";
import { planeReleaseAfter } from "../../registry/rollout.ts";

/**
 * The release a target comes back on after it has rested: what the last rollout that succeeded on its plane since then
 * brought there, as it would have brought it to this target had it run. Rollouts pass resting targets by, and one that
 * failed says nothing of where the fleet is meant to be. Without such a rollout, or where its release cannot run
 * with the schema that is there, the target's own goal; what is pinned comes back where it is pinned to.
 */
export async function catchUpRelease(
  db: Reader,
  { targetId, planeName, targetReleaseNumber, currentReleaseNumber, updatedAt }: Target,
  now: string,
): Promise<number | null> {
  const own = targetReleaseNumber ?? currentReleaseNumber;
  const pin = (await pinsOf(db, [targetId], now)).get(targetId);
  if (pin !== undefined) return pin.releaseNumber ?? currentReleaseNumber ?? own;
  const ofPlane = await planeReleaseAfter(db, planeName, updatedAt);
  if (ofPlane === undefined || !(await mayFollow(db, currentReleaseNumber, ofPlane))) return own;
  return ofPlane;
}

async function mayFollow(db: Reader, current: number | null, wanted: number): Promise<boolean> {
  const from = current === null ? undefined : await releaseFind(db, current);
  const to = await releaseFind(db, wanted);
  return to !== undefined && releaseCompatibility(from ?? null, to).compatible;
}
