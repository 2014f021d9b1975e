import type { DriftFinding } from "../contract/drift.ts";
import type { Target } from "../contract/target.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { driftCauseEnsure } from "./driftCause.ts";
import { driftFindingsOpen } from "./driftFindingRead.ts";
import { type DriftIgnoreInForce, driftIgnoresInForce, ignoreFor } from "./driftIgnoreMatch.ts";
import { causeIdOf, type DriftPattern, driftPattern } from "./driftPattern.ts";
import { type DriftPlace, driftPlacesOf } from "./driftScope.ts";
import { newId } from "./id.ts";
import { toJson } from "./json.ts";
import { redact } from "./redact.ts";
import type { Change } from "./registry.ts";
import { targetObserve, targetsObserve } from "./target.ts";

/** One resource that is not as recorded, as a scan reports it. */
export type SeenDrift = Pick<
  DriftFinding,
  "urn" | "resourceType" | "logicalName" | "physicalId" | "kind" | "properties"
>;

type TargetKey = Pick<Target, "targetId" | "tenantId" | "planeName">;

export interface DriftReport {
  readonly opened: readonly DriftFinding[];
  readonly stillOpen: number;
  readonly resolved: number;
  /** Of all that was seen, what counts as drift, and of that what is new; what does not count, and why. */
  readonly counts: {
    readonly findings: number;
    readonly findingsNew: number;
    readonly findingsIgnored: number;
    readonly findingsHidden: number;
  };
}

/**
 * Holds what a scan saw of one target against the open findings: new ones open and are audited as `drift.found`, ones
 * seen again are counted, ones no longer seen are resolved and audited as `drift.resolved`. So each is told once. Each gets
 * the cause that its pattern says, and the ignore that covers it, if one does.
 */
export async function driftFindingsReport(
  change: Change,
  target: TargetKey,
  scanId: string | null,
  seen: readonly SeenDrift[],
): Promise<DriftReport> {
  const [place] = await driftPlacesOf(change.db, [target.targetId]);
  if (place === undefined) throw new Error(`Cannot report drift: target ${target.targetId} must be known.`);
  const open = new Map((await driftFindingsOpen(change.db, target.targetId)).map((one) => [keyOf(one), one]));
  const drifts = await explained(change, place, seen);
  const opened: DriftFinding[] = [];
  const noted: DriftFinding[] = [];
  for (const [key, drift] of drifts) {
    const known = open.get(key);
    open.delete(key);
    const finding =
      known === undefined
        ? await openFinding(change, place, scanId, drift)
        : await seeAgain(change, known, scanId, drift);
    noted.push(finding);
    if (known === undefined) opened.push(finding);
  }
  if (opened.length > 0) await auditFindings(change, target, "drift.found", opened, null);
  await resolve(change, target, [...open.values()], "scan");
  if (scanId !== null) await noteInScan(change, scanId, noted, new Set(opened));
  await driftAxisSet(change, target.targetId, noted);
  const counting = noted.filter(countsAsDrift);
  return {
    opened,
    stillOpen: noted.length - opened.length,
    resolved: open.size,
    counts: {
      findings: counting.length,
      findingsNew: counting.filter((finding) => opened.includes(finding)).length,
      findingsIgnored: noted.filter(({ ignoreId }) => ignoreId !== null).length,
      findingsHidden: noted.filter(({ kind }) => kind === "hidden").length,
    },
  };
}

/** Neither hidden by the program nor ignored by somebody: what the axis, policies and exit codes go by. */
export function countsAsDrift({ kind, ignoreId }: Pick<DriftFinding, "kind" | "ignoreId">): boolean {
  return kind !== "hidden" && ignoreId === null;
}

/**
 * Closes a target's open findings because something made them pass; answers how many. A run of the stack makes neither an object that
 * no state has pass, nor what the program hides: those wait for the next scan.
 */
export async function driftFindingsResolve(
  change: Change,
  target: TargetKey,
  resolvedBy: "repair" | "deploy" | "decommission",
): Promise<number> {
  const open = await driftFindingsOpen(change.db, target.targetId);
  const stays = ({ kind }: DriftFinding) =>
    resolvedBy !== "decommission" && (kind === "unmanaged" || kind === "hidden");
  const passed = open.filter((finding) => !stays(finding));
  await resolve(change, target, passed, resolvedBy);
  if (resolvedBy === "decommission") await targetObserve(change, target.targetId, { drift: "unknown" });
  else await driftAxisSet(change, target.targetId, open.filter(stays));
  return passed.length;
}

/** Why no repair of a target may be made that nobody asked for; forgotten as soon as something else differs. */
export async function driftFindingsNeedPerson(
  change: Change,
  target: TargetKey,
  needsPerson: string,
): Promise<void> {
  await change.db
    .updateTable("driftFindings")
    .set({ needsPerson })
    .where("targetId", "=", target.targetId)
    .where("resolvedAt", "is", null)
    .where("kind", "=", "changed")
    .execute();
  await change.audit({
    action: "drift.needs_person",
    target: { type: "target", id: target.targetId },
    tenantId: target.tenantId,
    details: { planeName: target.planeName, why: needsPerson },
  });
  const { targetId, tenantId, planeName } = target;
  await change.outbox({
    type: "drift.needs_person",
    tenantId,
    payload: { tenantId, targetId, planeName, why: needsPerson },
  });
}

type Open = readonly Pick<DriftFinding, "kind" | "ignoreId">[];

/** The drift of a target as its open findings have it. */
export async function driftAxisSet(change: Change, targetId: string, open: Open): Promise<void> {
  await targetObserve(change, targetId, { drift: axisOf(open) });
}

/** The same of many, by their findings, when nobody has looked again. */
export async function driftAxesSet(change: Change, openOf: ReadonlyMap<string, Open>): Promise<void> {
  const byAxis = Map.groupBy(openOf, ([, open]) => axisOf(open));
  for (const [drift, targets] of byAxis) {
    const targetIds = targets.map(([targetId]) => targetId);
    await targetsObserve(change, targetIds, { drift, isLook: false });
  }
}

function axisOf(open: Open): "drifted" | "clean" {
  return open.some(countsAsDrift) ? "drifted" : "clean";
}

interface ExplainedDrift extends SeenDrift {
  readonly pattern: DriftPattern;
  readonly causeId: string | null;
  readonly ignore: DriftIgnoreInForce | undefined;
}

async function explained(
  change: Change,
  place: DriftPlace,
  seen: readonly SeenDrift[],
): Promise<Map<string, ExplainedDrift>> {
  const patterned = seen.map((drift) => {
    const plain = { ...drift, properties: redact(drift.properties) };
    const pattern = driftPattern(plain, place);
    return { ...plain, pattern, causeId: drift.kind === "hidden" ? null : causeIdOf(pattern) };
  });
  const causes = new Map(
    patterned.flatMap(({ causeId, pattern }) => (causeId === null ? [] : [[causeId, pattern] as const])),
  );
  // In the same order everywhere, so that two tenants' changes cannot wait for each other in a ring.
  for (const causeId of [...causes.keys()].sort()) {
    const pattern = causes.get(causeId);
    if (pattern !== undefined) await driftCauseEnsure(change, causeId, pattern);
  }
  const ignores = await driftIgnoresInForce(change.db, [...causes.keys()]);
  return new Map(
    patterned.map((drift) => [keyOf(drift), { ...drift, ignore: ignoreFor(ignores, drift.causeId, place) }]),
  );
}

/** On one resource, what is hidden stands beside what counts. */
function keyOf({ urn, kind }: Pick<DriftFinding, "urn" | "kind">): string {
  return `${kind === "hidden" ? kind : ""} ${urn}`;
}

async function openFinding(
  change: Change,
  place: DriftPlace,
  scanId: string | null,
  drift: ExplainedDrift,
): Promise<DriftFinding> {
  const row = {
    findingId: newId(),
    targetId: place.targetId,
    tenantId: place.tenantId,
    planeName: place.planeName,
    urn: drift.urn,
    resourceType: drift.resourceType,
    logicalName: drift.logicalName,
    physicalId: drift.physicalId,
    kind: drift.kind,
    status: "open" as const,
    causeId: drift.causeId,
    ...ignoredBy(drift.ignore),
    needsPerson: null,
    seenCount: 1,
    firstSeenAt: change.now,
    lastSeenAt: change.now,
    resolvedAt: null,
    resolvedBy: null,
  };
  const { properties } = drift;
  await change.db
    .insertInto("driftFindings")
    .values({ ...row, properties: toJson(properties), firstScanId: scanId, lastScanId: scanId })
    .execute();
  return { ...row, slug: place.slug, properties };
}

async function seeAgain(
  change: Change,
  known: DriftFinding,
  scanId: string | null,
  drift: ExplainedDrift,
): Promise<DriftFinding> {
  const { kind, properties, causeId } = drift;
  const isSame = known.kind === kind && canonicalJson(known.properties) === canonicalJson(properties);
  const seen = {
    ...{ kind, causeId },
    ...ignoredBy(drift.ignore),
    seenCount: known.seenCount + 1,
    lastSeenAt: change.now,
    ...(isSame ? {} : { needsPerson: null }),
  };
  await change.db
    .updateTable("driftFindings")
    .set({ ...seen, properties: toJson(properties), lastScanId: scanId })
    .where("findingId", "=", known.findingId)
    .execute();
  return { ...known, ...seen, properties };
}

function ignoredBy(ignore: DriftIgnoreInForce | undefined) {
  return { ignoreId: ignore?.ignoreId ?? null, ignoredUntil: ignore?.expiresAt ?? null };
}

/** A target that is looked at twice in a scan, because the scan was cut off, counts once. */
async function noteInScan(
  change: Change,
  scanId: string,
  noted: readonly DriftFinding[],
  opened: ReadonlySet<DriftFinding>,
): Promise<void> {
  for (const finding of noted) {
    const row = {
      ...{ scanId, findingId: finding.findingId },
      isNew: opened.has(finding) ? 1 : 0,
      ignored: finding.ignoreId === null ? 0 : 1,
    };
    await change.db
      .insertInto("driftScanFindings")
      .values(row)
      .onConflict((conflict) => conflict.columns(["scanId", "findingId"]).doNothing())
      .execute();
  }
}

async function resolve(
  change: Change,
  target: TargetKey,
  findings: readonly DriftFinding[],
  resolvedBy: string,
): Promise<void> {
  if (findings.length === 0) return;
  await change.db
    .updateTable("driftFindings")
    .set({ status: "resolved", resolvedAt: change.now, resolvedBy, ignoreId: null, ignoredUntil: null })
    .where(
      "findingId",
      "in",
      findings.map((finding) => finding.findingId),
    )
    .execute();
  await auditFindings(change, target, "drift.resolved", findings, resolvedBy);
}

async function auditFindings(
  change: Change,
  target: TargetKey,
  action: "drift.found" | "drift.resolved",
  findings: readonly DriftFinding[],
  resolvedBy: string | null,
): Promise<void> {
  const { targetId, tenantId, planeName } = target;
  await change.audit({
    action,
    target: { type: "target", id: targetId },
    tenantId,
    details: {
      planeName,
      resolvedBy,
      findings: findings.map(({ findingId, causeId, resourceType, logicalName, kind, properties }) => ({
        ...{ findingId, causeId, resourceType, logicalName, kind },
        paths: properties.map((property) => property.path),
      })),
    },
  });
  const told = findings.filter(({ kind }) => kind !== "hidden").length;
  if (told === 0) return;
  await change.outbox({
    type: action,
    tenantId,
    payload: { tenantId, targetId, planeName, findings: told },
  });
}
