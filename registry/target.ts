import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import type { TenantHealth, TenantHealthQuery } from "../contract/health.ts";
import type { Plane } from "../contract/plane.ts";
import type { Target } from "../contract/target.ts";
import type { DriftState, HealthState, VersionState } from "../contract/vocabulary.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import type { PlanBinding } from "./planBinding.ts";
import type { Change, Reader } from "./registry.ts";
import type { TargetDeletion, TargetObservationTable, TargetTable } from "./schema.ts";

export interface TargetCreate {
  readonly tenantId: string;
  readonly plane: Pick<Plane, "planeId" | "name" | "environment" | "region">;
  readonly generation: number;
  readonly projectName: string;
  readonly stackName: string;
  readonly targetReleaseNumber: number | null;
  readonly requestedState?: Target["requestedState"];
}

/** What a change may set; the rest of a target is its identity or is observed. */
export type TargetPatch = Partial<
  Pick<
    Target,
    | "deploymentState"
    | "requestedState"
    | "suspensionMode"
    | "clusterName"
    | "serviceNamespace"
    | "routingTarget"
    | "publicName"
    | "currentReleaseNumber"
    | "targetReleaseNumber"
    | "verifiedReleaseNumber"
    | "currentSpecDigest"
    | "lastOperationId"
    | "lastOperationStatus"
    | "deletedAt"
  >
> & {
  readonly appliedSpec?: Record<string, unknown> | null;
  readonly deletion?: TargetDeletion | null;
};

/** Audits `target.created`. It starts absent: a record of intent, nothing in the cloud yet. */
export async function targetCreate(change: Change, input: TargetCreate): Promise<Target> {
  const { plane, tenantId } = input;
  const targetId = newId();
  const requestedState = input.requestedState ?? "present";
  const row = {
    targetId,
    tenantId,
    planeId: plane.planeId,
    planeName: plane.name,
    environment: plane.environment,
    region: plane.region,
    generation: input.generation,
    projectName: input.projectName,
    stackName: input.stackName,
    deploymentState: "absent",
    requestedState,
    suspensionMode: null,
    deletion: null,
    clusterName: null,
    serviceNamespace: null,
    routingTarget: null,
    publicName: null,
    currentReleaseNumber: null,
    targetReleaseNumber: input.targetReleaseNumber,
    verifiedReleaseNumber: null,
    currentSpecDigest: null,
    appliedSpec: null,
    lastOperationId: null,
    lastOperationStatus: null,
    recordVersion: 1,
    createdAt: change.now,
    updatedAt: change.now,
    deletedAt: null,
  } as const;
  await change.db.insertInto("targets").values(row).execute();
  await change.db
    .insertInto("targetObservations")
    .values({
      targetId,
      health: "unknown",
      healthReason: null,
      healthCheckedAt: null,
      drift: "unknown",
      driftCheckedAt: null,
    })
    .execute();
  const details = { planeName: plane.name, stackName: input.stackName, projectName: input.projectName };
  await change.audit({
    action: "target.created",
    target: { type: "target", id: targetId },
    tenantId,
    details,
  });
  return await targetGet(change.db, targetId);
}

export interface TargetUpdateOptions {
  /** Defaults to target.changed. */
  readonly action?: string;
  readonly reason?: string | null;
  readonly details?: Record<string, unknown>;
}

/** Audits with the old and new of each field but the spec, of which its digest speaks. */
export async function targetUpdate(
  change: Change,
  targetId: string,
  patch: TargetPatch,
  options: TargetUpdateOptions = {},
): Promise<Target> {
  const before = await targetGet(change.db, targetId);
  const { appliedSpec, deletion, ...plain } = patch;
  const fields = Object.entries(plain).filter(
    ([name, value]) => value !== undefined && before[name as keyof Target] !== value,
  );
  if (fields.length === 0 && appliedSpec === undefined && deletion === undefined) return before;
  await change.db
    .updateTable("targets")
    .set({
      ...Object.fromEntries(fields),
      ...(appliedSpec === undefined ? {} : { appliedSpec: appliedSpec && toJson(appliedSpec) }),
      ...(deletion === undefined ? {} : { deletion: deletion && toJson(deletion) }),
      recordVersion: before.recordVersion + 1,
      updatedAt: change.now,
    })
    .where("targetId", "=", targetId)
    .execute();
  const changed = Object.fromEntries(
    fields.map(([name, to]) => [name, { from: before[name as keyof Target], to }]),
  );
  await change.audit({
    action: options.action ?? "target.changed",
    target: { type: "target", id: targetId },
    tenantId: before.tenantId,
    reason: options.reason ?? null,
    details: { planeName: before.planeName, changed, ...options.details },
  });
  return await targetGet(change.db, targetId);
}

/** Gives an absent target the next generation: the names of its last one may be taken for a while after its deletion. */
export async function targetNextGeneration(
  change: Change,
  targetId: string,
  next: Pick<Target, "generation" | "stackName">,
): Promise<void> {
  const { tenantId, generation } = await targetGet(change.db, targetId);
  await change.db.updateTable("targets").set(next).where("targetId", "=", targetId).execute();
  await change.audit({
    action: "target.generation_ended",
    target: { type: "target", id: targetId },
    tenantId,
    details: { generation, next: next.generation },
  });
}

export interface TargetObservation {
  readonly health?: HealthState;
  readonly healthReason?: string | null;
  readonly drift?: DriftState;
  /** False when what was seen before only means something else now. */
  readonly isLook?: false;
}

/** Writes down what was seen and when. Nobody decided it, so it is bookkeeping. */
export async function targetObserve(
  record: Bookkeeping,
  targetId: string,
  seen: TargetObservation,
): Promise<void> {
  await targetsObserve(record, [targetId], seen);
}

/** Below the parameters that either database takes in a statement. */
const OBSERVED_PER_UPDATE = 5_000;

/** The same of many. */
export async function targetsObserve(
  record: Bookkeeping,
  targetIds: readonly string[],
  seen: TargetObservation,
): Promise<void> {
  for (let from = 0; from < targetIds.length; from += OBSERVED_PER_UPDATE) {
    await record.db
      .updateTable("targetObservations")
      .set({
        ...(seen.health === undefined
          ? {}
          : { health: seen.health, healthReason: seen.healthReason ?? null, healthCheckedAt: record.now }),
        ...(seen.drift === undefined ? {} : { drift: seen.drift }),
        ...(seen.drift === undefined || seen.isLook === false ? {} : { driftCheckedAt: record.now }),
      })
      .where("targetId", "in", targetIds.slice(from, from + OBSERVED_PER_UPDATE))
      .execute();
  }
}

export async function targetFind(db: Reader, targetId: string): Promise<Target | undefined> {
  const row = await targets(db).where("targets.targetId", "=", targetId).executeTakeFirst();
  return row && fromRow(row);
}

/** For callers that hold the id already: a missing one is a fault of ours, not of a request. */
export async function targetGet(db: Reader, targetId: string): Promise<Target> {
  const target = await targetFind(db, targetId);
  if (target === undefined) throw new Error(`Cannot find target ${targetId}: it must be in the registry.`);
  return target;
}

/** The spec of the last run that succeeded. */
export async function targetAppliedSpec(
  db: Reader,
  targetId: string,
): Promise<Record<string, unknown> | null> {
  const row = await db
    .selectFrom("targets")
    .select("appliedSpec")
    .where("targetId", "=", targetId)
    .executeTakeFirst();
  return row?.appliedSpec ? fromJson(row.appliedSpec) : null;
}

/** Those named that there are, each with the spec of its last run that succeeded; at most some hundreds at once. */
export async function targetsWithSpecs(
  db: Reader,
  targetIds: readonly string[],
): Promise<{ target: Target; appliedSpec: Record<string, unknown> | null }[]> {
  const rows = await targets(db)
    .select("appliedSpec")
    .where("targets.targetId", "in", [...targetIds])
    .execute();
  return rows.map(({ appliedSpec, ...row }) => ({
    target: fromRow(row),
    appliedSpec: appliedSpec && fromJson(appliedSpec),
  }));
}

/** What removing the target has taken away so far. */
export async function targetDeletion(db: Reader, targetId: string): Promise<TargetDeletion | null> {
  const row = await db
    .selectFrom("targets")
    .select("deletion")
    .where("targetId", "=", targetId)
    .executeTakeFirst();
  return row?.deletion ? fromJson(row.deletion) : null;
}

/** What removing each of a tenant's targets took away, those long gone included; oldest first. */
export async function targetDeletions(
  db: Reader,
  tenantId: string,
): Promise<(Target & { readonly deletion: TargetDeletion | null })[]> {
  const rows = await targets(db)
    .select("deletion")
    .where("targets.tenantId", "=", tenantId)
    .orderBy("targets.createdAt")
    .orderBy("targets.targetId")
    .execute();
  return rows.map(({ deletion, ...row }) => ({ ...fromRow(row), deletion: deletion && fromJson(deletion) }));
}

/** All of a tenant's, oldest first, deleted ones left out: never more than there are planes and generations. */
export async function targetsOfTenant(db: Reader, tenantId: string): Promise<Target[]> {
  const rows = await targets(db)
    .where("targets.tenantId", "=", tenantId)
    .where("targets.deletedAt", "is", null)
    .orderBy("targets.createdAt")
    .orderBy("targets.targetId")
    .execute();
  return rows.map(fromRow);
}

export interface TargetFilter {
  readonly planes?: readonly string[] | undefined;
  readonly tenantIds?: readonly string[] | undefined;
  readonly deploymentStates?: readonly Target["deploymentState"][] | undefined;
}

/** The fleet or a part of it, by plane and age; deleted targets left out. */
export async function targetsMatching(db: Reader, filter: TargetFilter): Promise<Target[]> {
  let rows = targets(db).where("targets.deletedAt", "is", null);
  if (filter.planes) rows = rows.where("targets.planeName", "in", [...filter.planes]);
  if (filter.tenantIds) rows = rows.where("targets.tenantId", "in", [...filter.tenantIds]);
  if (filter.deploymentStates) rows = rows.where("deploymentState", "in", [...filter.deploymentStates]);
  const found = await rows
    .orderBy("targets.planeName")
    .orderBy("targets.createdAt")
    .orderBy("targets.targetId")
    .execute();
  return found.map(fromRow);
}

/** What the tenants that are on a plane are bound to. */
export async function plansOnPlane(db: Reader, planeName: string): Promise<PlanBinding[]> {
  return await db
    .selectFrom("targets")
    .innerJoin("tenants", "tenants.tenantId", "targets.tenantId")
    .select(["tenants.plan", "tenants.planVersion"])
    .distinct()
    .where("targets.planeName", "=", planeName)
    .where("targets.deletedAt", "is", null)
    .execute();
}

/** Newest first, of one tenant. */
export async function targetList(db: Reader, tenantId: string, page: PageRequest): Promise<Page<Target>> {
  let rows = targets(db).where("targets.tenantId", "=", tenantId).where("targets.deletedAt", "is", null);
  if (page.cursor) {
    const [createdAt, targetId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("targets.createdAt", "targets.targetId"), "<", tuple(createdAt, targetId)),
    );
  }
  const found = await rows
    .orderBy("targets.createdAt", "desc")
    .orderBy("targets.targetId", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, fromRow, (row) => [row.createdAt, row.targetId]);
}

/** The inventory, newest target first; of targets that are gone nothing is told. */
export async function tenantHealthList(db: Reader, query: TenantHealthQuery): Promise<Page<TenantHealth>> {
  let rows = targets(db)
    .innerJoin("tenants", "tenants.tenantId", "targets.tenantId")
    .select(["tenants.slug", "tenants.displayName", "tenants.status"])
    .where("targets.deletedAt", "is", null);
  if (query.plane) rows = rows.where("targets.planeName", "=", query.plane);
  if (query.health) rows = rows.where("health", "=", query.health);
  if (query.cursor) {
    const [createdAt, targetId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("targets.createdAt", "targets.targetId"), "<", tuple(createdAt, targetId)),
    );
  }
  const found = await rows
    .orderBy("targets.createdAt", "desc")
    .orderBy("targets.targetId", "desc")
    .limit(query.limit + 1)
    .execute();
  return toPage(found, query.limit, toHealth, (row) => [row.createdAt, row.targetId]);
}

/** What a Target is made of, and nothing else: the applied spec alone, which few ask for, is ten times all this. */
const COLUMNS = [
  "targets.targetId",
  "targets.tenantId",
  "targets.planeName",
  "targets.environment",
  "targets.region",
  "targets.generation",
  "targets.projectName",
  "targets.stackName",
  "targets.deploymentState",
  "targets.requestedState",
  "targets.suspensionMode",
  "targets.clusterName",
  "targets.serviceNamespace",
  "targets.routingTarget",
  "targets.publicName",
  "targets.currentReleaseNumber",
  "targets.targetReleaseNumber",
  "targets.verifiedReleaseNumber",
  "targets.currentSpecDigest",
  "targets.lastOperationId",
  "targets.lastOperationStatus",
  "targets.recordVersion",
  "targets.createdAt",
  "targets.updatedAt",
  "targets.deletedAt",
  "targetObservations.health",
  "targetObservations.healthReason",
  "targetObservations.healthCheckedAt",
  "targetObservations.drift",
  "targetObservations.driftCheckedAt",
] as const;

function targets(db: Reader) {
  return db
    .selectFrom("targets")
    .innerJoin("targetObservations", "targetObservations.targetId", "targets.targetId")
    .select(COLUMNS);
}

type Row = Omit<Selectable<TargetTable>, "planeId" | "appliedSpec" | "deletion"> &
  Omit<Selectable<TargetObservationTable>, "targetId">;

function toHealth(row: Row & Pick<TenantHealth, "slug" | "displayName" | "status">): TenantHealth {
  return {
    tenantId: row.tenantId,
    slug: row.slug,
    displayName: row.displayName,
    status: row.status,
    targetId: row.targetId,
    planeName: row.planeName,
    deploymentState: row.deploymentState,
    health: row.health,
    healthReason: row.healthReason,
    healthCheckedAt: row.healthCheckedAt,
    version: versionOf(row.currentReleaseNumber, row.targetReleaseNumber),
    currentReleaseNumber: row.currentReleaseNumber,
    targetReleaseNumber: row.targetReleaseNumber,
    drift: row.drift,
    driftCheckedAt: row.driftCheckedAt,
    clusterName: row.clusterName,
    serviceNamespace: row.serviceNamespace,
  };
}

/** Where a target is against where it should be; ahead after its goal was set back. */
export function versionOf(current: number | null, goal: number | null): VersionState {
  if (current === null || goal === null) return "unknown";
  if (current === goal) return "current";
  return current < goal ? "behind" : "ahead";
}

function fromRow(row: Row): Target {
  return { ...row, version: versionOf(row.currentReleaseNumber, row.targetReleaseNumber) };
}
