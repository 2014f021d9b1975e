import type { ExpressionBuilder } from "kysely";
import type { Page } from "../contract/common.ts";
import type { Flag } from "../contract/flag.ts";
import { evaluateFlag } from "../contract/flagEvaluation.ts";
import type { Impact, ImpactQuery } from "../contract/impact.ts";
import type { Incident } from "../contract/incident.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { driftCauseGet } from "./driftCauseRead.ts";
import { flagGet } from "./flag.ts";
import { flagOverridesOf } from "./flagOverride.ts";
import { incidentGet } from "./incident.ts";
import { fromJson } from "./json.ts";
import { planeGet } from "./plane.ts";
import type { Reader } from "./registry.ts";
import { releaseGet } from "./release.ts";
import type { Schema } from "./schema.ts";

/**
 * Which targets something touches. Every filter but the flag's is a condition of one statement that walks the targets from the
 * newest; a flag has to be evaluated, so targets are read in batches until the page is full.
 */
export async function impactList(db: Reader, query: ImpactQuery, now: string): Promise<Page<Impact>> {
  const facts = await factsOf(db, query);
  const found: Row[] = [];
  let cursor = query.cursor === undefined ? undefined : pageAfter(query.cursor);
  const batch = facts.flag === undefined ? query.limit + 1 : FLAG_BATCH;
  while (found.length <= query.limit) {
    const rows = await impactQuery(db, query, facts, cursor, batch).execute();
    found.push(...(await whereFlagIsOn(db, rows, facts.flag, now)));
    const last = rows.at(-1);
    if (last === undefined || rows.length < batch) break;
    cursor = [last.createdAt, last.targetId];
  }
  const page = toPage(
    found,
    query.limit,
    (row) => row,
    (row) => [row.createdAt, row.targetId],
  );
  const images = await imagesOf(db, query, page.items);
  return { ...page, items: page.items.map((row) => toImpact(row, query, facts, images)) };
}

const FLAG_BATCH = 1_000;

interface Facts {
  readonly flag?: Flag;
  readonly incident?: Incident;
}

/** What is asked about must be there: a mistyped number would otherwise say that nobody is impacted. */
async function factsOf(db: Reader, query: ImpactQuery): Promise<Facts> {
  const { release, flag, incident, plane, driftCause } = query;
  if (release !== undefined) await releaseGet(db, release);
  if (plane !== undefined) await planeGet(db, plane);
  if (driftCause !== undefined) await driftCauseGet(db, driftCause, Date.now());
  return {
    ...(flag !== undefined && { flag: await flagGet(db, flag) }),
    ...(incident !== undefined && { incident: await incidentGet(db, incident) }),
  };
}

/** The statement, so that a test can ask the database how it would run it. */
export function impactQuery(
  db: Reader,
  query: ImpactQuery,
  { incident }: Facts,
  after: readonly [string, string] | undefined,
  limit: number,
) {
  const { release, service, imageDigest, cluster, region, plane, driftCause } = query;
  let rows = db
    .selectFrom("targets")
    .innerJoin("tenants", "tenants.tenantId", "targets.tenantId")
    .select(["targets.targetId", "targets.tenantId", "targets.planeName", "targets.createdAt"])
    .select(["targets.region", "targets.environment", "targets.clusterName"])
    .select(["targets.currentReleaseNumber", "targets.targetReleaseNumber"])
    .select(["tenants.slug", "tenants.plan", "tenants.labels", "tenants.status"])
    .where("targets.deletedAt", "is", null);
  if (release !== undefined) rows = rows.where((eb) => onRelease(eb, [release]));
  if (service !== undefined || imageDigest !== undefined) {
    rows = rows.where((eb) => runsImage(eb, service, imageDigest));
  }
  if (cluster !== undefined) rows = rows.where("targets.clusterName", "=", cluster);
  if (region !== undefined) rows = rows.where("targets.region", "=", region);
  if (plane !== undefined) rows = rows.where("targets.planeName", "=", plane);
  if (driftCause !== undefined) rows = rows.where((eb) => hasDrift(eb, driftCause));
  if (incident !== undefined) rows = rows.where((eb) => touchedBy(eb, incident));
  if (after !== undefined) {
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("targets.createdAt", "targets.targetId"), "<", tuple(after[0], after[1])),
    );
  }
  return rows.orderBy("targets.createdAt", "desc").orderBy("targets.targetId", "desc").limit(limit);
}

type Builder = ExpressionBuilder<Schema, "targets" | "tenants">;

function onRelease(eb: Builder, numbers: readonly number[]) {
  return eb.or([
    eb("targets.currentReleaseNumber", "in", [...numbers]),
    eb("targets.targetReleaseNumber", "in", [...numbers]),
  ]);
}

function runsImage(eb: Builder, service: string | undefined, digest: string | undefined) {
  let images = eb.selectFrom("releaseImages").select("releaseImages.releaseNumber");
  if (service !== undefined) images = images.where("releaseImages.service", "=", service);
  if (digest !== undefined) images = images.where("releaseImages.digest", "=", digest);
  return eb("targets.currentReleaseNumber", "in", images);
}

function hasDrift(eb: Builder, causeId: string) {
  const findings = eb
    .selectFrom("driftFindings")
    .select("driftFindings.targetId")
    .where("driftFindings.causeId", "=", causeId)
    .where("driftFindings.resolvedAt", "is", null);
  return eb("targets.targetId", "in", findings);
}

function touchedBy(eb: Builder, { affects }: Incident) {
  const { tenantIds, planes, releaseNumbers } = affects;
  const ways = [
    ...(tenantIds.length === 0 ? [] : [eb("targets.tenantId", "in", tenantIds)]),
    ...(planes.length === 0 ? [] : [eb("targets.planeName", "in", planes)]),
    ...(releaseNumbers.length === 0 ? [] : [onRelease(eb, releaseNumbers)]),
  ];
  return eb.or(ways);
}

type Row = Awaited<ReturnType<ReturnType<typeof impactQuery>["execute"]>>[number];

async function whereFlagIsOn(
  db: Reader,
  rows: readonly Row[],
  flag: Flag | undefined,
  now: string,
): Promise<readonly Row[]> {
  if (flag === undefined) return rows;
  const tenantIds = [...new Set(rows.map(({ tenantId }) => tenantId))];
  const overrides = await flagOverridesOf(db, flag.flagKey, tenantIds, now);
  return rows.filter((row) => {
    const override = overrides.get(row.tenantId);
    const inForce = override?.expired === false ? override : undefined;
    return evaluateFlag(flag, { ...row, labels: fromJson(row.labels) }, inForce).enabled;
  });
}

type Image = { readonly releaseNumber: number; readonly service: string; readonly image: string };

async function imagesOf(
  db: Reader,
  { service, imageDigest }: ImpactQuery,
  rows: readonly Row[],
): Promise<readonly Image[]> {
  const numbers = [...new Set(rows.flatMap((row) => row.currentReleaseNumber ?? []))];
  if ((service === undefined && imageDigest === undefined) || numbers.length === 0) return [];
  let images = db
    .selectFrom("releaseImages")
    .select(["releaseNumber", "service", "image"])
    .where("releaseNumber", "in", numbers);
  if (service !== undefined) images = images.where("service", "=", service);
  if (imageDigest !== undefined) images = images.where("digest", "=", imageDigest);
  return images.orderBy("service").execute();
}

function toImpact(row: Row, query: ImpactQuery, facts: Facts, images: readonly Image[]): Impact {
  const { tenantId, slug, targetId, planeName } = row;
  const why = [
    ...(query.release === undefined ? [] : [releaseWords(row, [query.release])]),
    ...images
      .filter(({ releaseNumber }) => releaseNumber === row.currentReleaseNumber)
      .map(({ service, image }) => `${service} runs ${image}`),
    ...(query.cluster === undefined ? [] : [`is on the cluster ${query.cluster}`]),
    ...(query.region === undefined ? [] : [`is in ${query.region}`]),
    ...(query.plane === undefined ? [] : [`is on the plane ${query.plane}`]),
    ...(facts.flag === undefined ? [] : [`has the flag ${facts.flag.flagKey} on`]),
    ...(query.driftCause === undefined ? [] : [`has drifted by the cause ${query.driftCause}`]),
    ...(facts.incident === undefined ? [] : incidentWords(row, facts.incident)),
  ];
  return { tenantId, slug, targetId, planeName, why };
}

function releaseWords({ currentReleaseNumber, targetReleaseNumber }: Row, asked: readonly number[]): string {
  if (currentReleaseNumber !== null && asked.includes(currentReleaseNumber)) {
    return `runs release ${currentReleaseNumber}`;
  }
  return `is to be brought to release ${targetReleaseNumber}`;
}

function incidentWords(row: Row, { title, affects }: Incident): string[] {
  const { currentReleaseNumber: current, targetReleaseNumber: goal } = row;
  const byRelease = [current, goal].some(
    (number) => number !== null && affects.releaseNumbers.includes(number),
  );
  const ways = [
    ...(affects.tenantIds.includes(row.tenantId) ? ["names the tenant"] : []),
    ...(affects.planes.includes(row.planeName) ? [`names the plane ${row.planeName}`] : []),
    ...(byRelease ? [`names its release: it ${releaseWords(row, affects.releaseNumbers)}`] : []),
  ];
  return ways.map((way) => `the incident "${title}" ${way}`);
}
