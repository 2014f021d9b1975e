import type { Rollout } from "../../../contract/rollout.ts";
import type { Change } from "../../../registry/registry.ts";
import { rolloutPassBy } from "../../../registry/rolloutPassedBy.ts";
import { rolloutPlacesOf } from "../../../registry/rolloutPlace.ts";
import { beforesOf, hadOf } from "../choose/befores.ts";
import { catchesUp, whySkipped } from "./facts.ts";

/** Skips the targets that rest, in the caller's change, and notes what they have now: they catch up with it later. Others are left as they are. */
export async function passBy(change: Change, rollout: Rollout, targetIds: readonly string[]): Promise<void> {
  const { rolloutId, change: what } = rollout;
  const places = await rolloutPlacesOf(change.db, targetIds);
  const resting = [...places.values()].filter((place) => catchesUp(place, what));
  const befores = await beforesOf(change.db, what, resting);
  for (const place of resting) {
    const had = hadOf(place, befores(place));
    const reason = whySkipped(place, what) ?? null;
    await rolloutPassBy(change, rolloutId, { targetId: place.targetId, reason, had });
  }
}
