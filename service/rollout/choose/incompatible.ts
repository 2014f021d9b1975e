import { ProblemError } from "../../../contract/errors.ts";
import { releaseCompatibility } from "../../../contract/releaseCompatibility.ts";
import type { RolloutChange } from "../../../contract/rolloutChange.ts";
import type { Reader } from "../../../registry/registry.ts";
import { releaseFind, releaseGet } from "../../../registry/release.ts";
import type { RolloutPlace } from "../../../registry/rolloutPlace.ts";

type Running = Pick<RolloutPlace, "currentReleaseNumber">;

/** Release a target runs → why it cannot go from there to the rollout's. Those that can are not in it. */
export async function incompatibleReleases(
  db: Reader,
  change: RolloutChange,
  places: Iterable<Running>,
): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  if (change.kind !== "release") return found;
  const to = await releaseGet(db, change.releaseNumber);
  if (to.compatibleSchemas === null) return found;
  const running = new Set([...places].flatMap(({ currentReleaseNumber }) => currentReleaseNumber ?? []));
  for (const number of running) {
    const verdict = releaseCompatibility((await releaseFind(db, number)) ?? null, to);
    if (!verdict.compatible) found.set(number, verdict.why);
  }
  return found;
}

const NAMED = 20;

/** A rollout that some targets cannot follow is refused before anything begins, and says which they are. */
export async function refuseIncompatibleRollout(
  db: Reader,
  change: RolloutChange,
  places: readonly (Running & Pick<RolloutPlace, "tenantId" | "planeName">)[],
): Promise<void> {
  const why = await incompatibleReleases(db, change, places);
  const unable = places.filter(({ currentReleaseNumber: number }) => number !== null && why.has(number));
  const [first] = unable;
  if (first === undefined) return;
  throw new ProblemError("release_incompatible", {
    detail: `Cannot roll out: ${unable.length} targets cannot go to the release; of the first, ${why.get(first.currentReleaseNumber ?? 0)}.`,
    hint: "Bring them to a release between first, or leave them out with scope.exclude.",
    errors: unable.slice(0, NAMED).map(({ tenantId, planeName, currentReleaseNumber }) => ({
      path: "body.change.releaseNumber",
      message: `cannot follow release ${currentReleaseNumber} on ${planeName}`,
      value: tenantId,
    })),
  });
}
