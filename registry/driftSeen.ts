import type { Cohort } from "../contract/cohort.ts";
import type { DriftRepairPreview } from "../contract/drift.ts";
import type { DeploymentState } from "../contract/vocabulary.ts";
import { driftFindingsDigest, driftTargetsDigest, isRepairable } from "./driftDigest.ts";
import { countsAsDrift } from "./driftFinding.ts";
import { driftFindingsOpenOf } from "./driftFindingRead.ts";
import { driftPlacesIn } from "./driftScope.ts";
import type { Reader } from "./registry.ts";

/** Where there is something in the cloud to compare with. */
export const SCANNABLE: readonly DeploymentState[] = [
  "ready",
  "updating",
  "suspending",
  "suspended",
  "failed",
];

/**
 * What is open in a scope and a repair would put right, with digests to bind repairs to: of each target and of all. A repair puts a whole
 * stack right, so a target's digest covers all that differs there. Targets of which nothing counts as drift are left out,
 * unless their cause is asked for by name. A few queries, whatever the fleet's size.
 */
export async function driftSeen(
  db: Reader,
  scope: Cohort & { readonly causeId?: string | undefined },
): Promise<DriftRepairPreview> {
  const { causeId, ...cohort } = scope;
  const caused = causeId === undefined ? undefined : await targetsOfCause(db, causeId);
  const places = (await driftPlacesIn(db, cohort, SCANNABLE)).filter(
    ({ targetId, requestedState, drift }) =>
      (requestedState === "present" || requestedState === "suspended") &&
      (caused === undefined ? drift === "drifted" : caused.has(targetId)),
  );
  const open = await driftFindingsOpenOf(
    db,
    places.map(({ targetId }) => targetId),
  );
  const targets = places.flatMap(({ targetId, tenantId, slug, planeName }) => {
    const findings = open.get(targetId) ?? [];
    const repairable = findings.filter(isRepairable);
    const isMeant =
      causeId === undefined
        ? repairable.some(countsAsDrift)
        : repairable.some((finding) => finding.causeId === causeId);
    if (!isMeant) return [];
    const deleted = repairable.filter(({ kind }) => kind === "deleted").length;
    const needsPerson = repairable.find((finding) => finding.needsPerson !== null)?.needsPerson ?? null;
    const digest = driftFindingsDigest(findings);
    return [
      { targetId, tenantId, slug, planeName, digest, findings: repairable.length, deleted, needsPerson },
    ];
  });
  return { findingsDigest: driftTargetsDigest(targets), targets };
}

async function targetsOfCause(db: Reader, causeId: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom("driftFindings")
    .select("targetId")
    .distinct()
    .where("causeId", "=", causeId)
    .where("resolvedAt", "is", null)
    .execute();
  return new Set(rows.map(({ targetId }) => targetId));
}
