import { randomUUID } from "node:crypto";
import type { Insertable, Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import type { Tenant, TenantCreate, TenantUpdate, TenantVersion } from "../contract/tenant.ts";
import type { TenantManager } from "../contract/vocabulary.ts";
import { pageAfterNumber, toPage } from "./cursor.ts";
import { entitlementsFirst, entitlementsRefresh } from "./entitlement.ts";
import { fromJson, toJson } from "./json.ts";
import { requirePlaceable } from "./placement.ts";
import { planBind, requireIsolationInPlan } from "./planBinding.ts";
import { prepared } from "./prepared.ts";
import type { Change, Reader } from "./registry.ts";
import type { TenantTable, TenantVersionTable } from "./schema.ts";
import { sortTextOf } from "./searchText.ts";
import { changedFields } from "./tenantDiff.ts";
import { tenantForget } from "./tenantForget.ts";
import {
  duplicateSlug,
  refuseGone,
  refuseStale,
  tenantNotFound,
  versionConflict,
  versionNotFound,
} from "./tenantProblem.ts";
import { tenantWordsWrite } from "./tenantWords.ts";

export interface TenantCreateOptions {
  readonly managedBy?: TenantManager;
  /** For who must know it beforehand; a new one otherwise. */
  readonly tenantId?: string;
}

/** Audits `tenant.created`; refuses a slug that a tenant not yet deleted has. */
export async function tenantCreate(
  change: Change,
  input: TenantCreate,
  { managedBy = "api", tenantId = randomUUID() }: TenantCreateOptions = {},
): Promise<Tenant> {
  await refuseTakenSlug(change.db, input.slug);
  const binding = await planBind(change.db, undefined, input);
  await requireIsolationInPlan(change.db, binding, input.isolation);
  const tenant: Tenant = {
    tenantId,
    slug: input.slug,
    displayName: input.displayName,
    status: "draft",
    requestedStatus: "draft",
    ...binding,
    primaryDomain: input.primaryDomain,
    labels: input.labels,
    planes: input.planes,
    config: input.config,
    isolation: input.isolation,
    regions: input.regions,
    suspensionMode: input.suspensionMode,
    dataClassification: input.dataClassification,
    managedBy,
    legalHold: null,
    decommissionAfter: null,
    recordVersion: 1,
    createdAt: change.now,
    updatedAt: change.now,
    archivedAt: null,
    deletedAt: null,
  };
  try {
    await change.db.insertInto("tenants").values(toRow(tenant)).execute();
  } catch (error) {
    if (change.uniqueViolation(error) !== undefined) throw duplicateSlug(input.slug, error);
    throw error;
  }
  await writeLabels(change, tenant);
  await tenantWordsWrite(change, tenantId);
  await keepVersion(change, tenant, "tenant.created");
  await entitlementsFirst(change, tenant);
  const { slug, plan, displayName, labels, planes } = tenant;
  await announce(change, tenant, "tenant.created", { slug, plan, displayName, labels, planes });
  return tenant;
}

export interface TenantUpdateOptions {
  /** From If-Match: the change is refused when the record has another version. */
  readonly expectedVersion?: number | undefined;
  readonly reason?: string | undefined;
}

/** Audits `tenant.updated`; an update that changes nothing writes nothing. */
export async function tenantUpdate(
  change: Change,
  tenantId: string,
  update: TenantUpdate,
  options: TenantUpdateOptions = {},
): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  refuseStale(before, options.expectedVersion);
  refuseGone(before);
  const after: Tenant = {
    ...before,
    displayName: update.displayName ?? before.displayName,
    ...(await planBind(change.db, before, update)),
    primaryDomain: update.primaryDomain === undefined ? before.primaryDomain : update.primaryDomain,
    labels: update.labels ?? before.labels,
    planes: update.planes ?? before.planes,
    config: {
      settings: update.config?.settings ?? before.config.settings,
      secretRefs: update.config?.secretRefs ?? before.config.secretRefs,
    },
    isolation: update.isolation ?? before.isolation,
    regions: update.regions ?? before.regions,
    suspensionMode: update.suspensionMode ?? before.suspensionMode,
    dataClassification: update.dataClassification ?? before.dataClassification,
  };
  return await tenantWrite(change, before, after, "tenant.updated", options.reason);
}

/**
 * Audits `tenant.version_restored`. Slug, status, isolation and legal hold stay: they belong to the tenant's life, not
 * to its metadata.
 */
export async function tenantVersionRestore(
  change: Change,
  tenantId: string,
  recordVersion: number,
  options: TenantUpdateOptions = {},
): Promise<Tenant> {
  const before = await tenantGet(change.db, tenantId);
  refuseStale(before, options.expectedVersion);
  refuseGone(before);
  const version = await change.db
    .selectFrom("tenantVersions")
    .select("snapshot")
    .where("tenantId", "=", tenantId)
    .where("recordVersion", "=", recordVersion)
    .executeTakeFirst();
  if (version === undefined) throw versionNotFound(before, recordVersion);
  const { displayName, plan, planVersion, primaryDomain, labels, planes, config, ...rest } = snapshotOf(
    version.snapshot,
  );
  const { regions, suspensionMode, dataClassification } = rest;
  const metadata = { displayName, plan, planVersion, primaryDomain, labels, planes, config };
  const after = { ...before, ...metadata, regions, suspensionMode, dataClassification };
  return await tenantWrite(change, before, after, "tenant.version_restored", options.reason);
}

/**
 * Writes the next version of a record with its history, labels, audit event and outbox event. The only way a tenant's
 * row changes; used by tenantLifecycle.ts as well.
 */
export async function tenantWrite(
  change: Change,
  before: Tenant,
  after: Tenant,
  action: string,
  reason?: string,
): Promise<Tenant> {
  const changed = changedFields(before, after);
  if (Object.keys(changed).length === 0) return before;
  await requirePlaceable(change.db, before, after);
  const tenant: Tenant = { ...after, recordVersion: before.recordVersion + 1, updatedAt: change.now };
  const { tenantId: _tenantId, ...columns } = toRow(tenant);
  const { numUpdatedRows } = await change.db
    .updateTable("tenants")
    .set(columns)
    .where("tenantId", "=", tenant.tenantId)
    .where("recordVersion", "=", before.recordVersion)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw versionConflict(before, before.recordVersion);
  if ("labels" in changed) await writeLabels(change, tenant);
  if (before.deletedAt === null && tenant.deletedAt !== null) await tenantForget(change, tenant.tenantId);
  if (FOUND_BY.some((field) => field in changed)) await tenantWordsWrite(change, tenant.tenantId);
  await keepVersion(change, tenant, action);
  await announce(change, tenant, action, { changed }, reason);
  if ("plan" in changed || "planVersion" in changed)
    await entitlementsRefresh(change, tenant, action, reason);
  return tenant;
}

const FOUND_BY = ["displayName", "labels", "primaryDomain", "status"] as const;

export async function tenantGet(db: Reader, tenantId: string): Promise<Tenant> {
  const tenant = await tenantFind(db, tenantId);
  if (tenant !== undefined) return tenant;
  throw tenantNotFound(tenantId);
}

const tenantById = prepared((db, tenantId: string) =>
  db.selectFrom("tenants").selectAll().where("tenantId", "=", tenantId),
);

export async function tenantFind(db: Reader, tenantId: string): Promise<Tenant | undefined> {
  const [row] = await tenantById(db, tenantId);
  return row && tenantFromRow(row);
}

/** Those named that there are, at most some hundreds at once. */
export async function tenantsOf(db: Reader, tenantIds: readonly string[]): Promise<Map<string, Tenant>> {
  const rows = await db
    .selectFrom("tenants")
    .selectAll()
    .where("tenantId", "in", [...tenantIds])
    .execute();
  return new Map(rows.map((row) => [row.tenantId, tenantFromRow(row)]));
}

/** The tenant that has the slug now; a deleted one has none. */
export async function tenantFindBySlug(db: Reader, slug: string): Promise<Tenant | undefined> {
  const row = await db
    .selectFrom("tenants")
    .selectAll()
    .where("slug", "=", slug)
    .where("deletedAt", "is", null)
    .executeTakeFirst();
  return row && tenantFromRow(row);
}

/** Newest first. */
export async function tenantVersionList(
  db: Reader,
  tenantId: string,
  page: PageRequest,
): Promise<Page<TenantVersion>> {
  await tenantGet(db, tenantId);
  let rows = db.selectFrom("tenantVersions").selectAll().where("tenantId", "=", tenantId);
  if (page.cursor) rows = rows.where("recordVersion", "<", pageAfterNumber(page.cursor, 1));
  const found = await rows
    .orderBy("recordVersion", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, versionFrom, (row) => [row.changedAt, String(row.recordVersion)]);
}

/** One of the record's versions, as it stood then. */
export async function tenantVersionGet(
  db: Reader,
  tenantId: string,
  recordVersion: number,
): Promise<TenantVersion> {
  const tenant = await tenantGet(db, tenantId);
  const row = await db
    .selectFrom("tenantVersions")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .where("recordVersion", "=", recordVersion)
    .executeTakeFirst();
  if (row === undefined) throw versionNotFound(tenant, recordVersion);
  return versionFrom(row);
}

function versionFrom({
  tenantId: _tenantId,
  snapshot,
  ...version
}: Selectable<TenantVersionTable>): TenantVersion {
  return { ...version, tenant: snapshotOf(snapshot) };
}

async function refuseTakenSlug(db: Reader, slug: string): Promise<void> {
  if ((await tenantFindBySlug(db, slug)) !== undefined) throw duplicateSlug(slug);
}

async function writeLabels(change: Change, { tenantId, labels }: Tenant): Promise<void> {
  await change.db.deleteFrom("tenantLabels").where("tenantId", "=", tenantId).execute();
  const rows = Object.entries(labels).map(([key, value]) => ({ tenantId, key, value }));
  if (rows.length > 0) await change.db.insertInto("tenantLabels").values(rows).execute();
}

async function keepVersion(change: Change, tenant: Tenant, action: string): Promise<void> {
  await change.db
    .insertInto("tenantVersions")
    .values({
      tenantId: tenant.tenantId,
      recordVersion: tenant.recordVersion,
      snapshot: toJson({ ...tenant }),
      action,
      actorId: change.context.actor.id,
      requestId: change.context.requestId,
      changedAt: change.now,
    })
    .execute();
}

async function announce(
  change: Change,
  tenant: Tenant,
  action: string,
  details: Record<string, unknown>,
  reason?: string,
): Promise<void> {
  const { tenantId, slug, status, recordVersion } = tenant;
  await change.audit({
    action,
    target: { type: "tenant", id: tenantId },
    tenantId,
    reason: reason ?? null,
    details: { recordVersion, ...details },
  });
  await change.outbox({ type: action, tenantId, payload: { tenantId, slug, status, recordVersion } });
}

/** What records had before they said anything of it; also in versions kept from then. */
const FIELD_DEFAULTS = {
  planVersion: 1,
  isolation: "pooled",
  regions: { allowed: [], preferred: [] },
  suspensionMode: "workloads",
  dataClassification: "confidential",
  managedBy: "api",
  legalHold: null,
  decommissionAfter: null,
} satisfies Partial<Tenant>;

function snapshotOf(snapshot: Selectable<TenantVersionTable>["snapshot"]): Tenant {
  return { ...FIELD_DEFAULTS, ...(fromJson(snapshot) as Tenant) };
}

function toRow(tenant: Tenant): Insertable<TenantTable> {
  const { config, labels, planes, regions, legalHold, ...rest } = tenant;
  return {
    ...rest,
    regions: toJson(regions),
    legalHold: legalHold === null ? null : toJson(legalHold),
    labels: toJson(labels),
    planes: toJson(planes),
    settings: toJson(config.settings),
    secretRefs: toJson(config.secretRefs),
    displaySort: sortTextOf(tenant.displayName),
  };
}

/** Field by field: taking the rest of a row as it is costs more than reading it did. */
export function tenantFromRow(row: Selectable<TenantTable>): Tenant {
  return {
    tenantId: row.tenantId,
    slug: row.slug,
    displayName: row.displayName,
    status: row.status,
    requestedStatus: row.requestedStatus,
    plan: row.plan,
    planVersion: row.planVersion,
    primaryDomain: row.primaryDomain,
    labels: fromJson(row.labels),
    planes: fromJson(row.planes),
    config: { settings: fromJson(row.settings), secretRefs: fromJson(row.secretRefs) },
    isolation: row.isolation,
    regions: fromJson(row.regions),
    suspensionMode: row.suspensionMode,
    dataClassification: row.dataClassification,
    managedBy: row.managedBy,
    legalHold: row.legalHold === null ? null : fromJson(row.legalHold),
    decommissionAfter: row.decommissionAfter,
    recordVersion: row.recordVersion,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    archivedAt: row.archivedAt,
    deletedAt: row.deletedAt,
  };
}
