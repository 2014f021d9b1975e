import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import { EXTERNAL_ID_LIMITS, type ExternalId, type ExternalIdSet } from "../contract/externalId.ts";
import type { Tenant } from "../contract/tenant.ts";
import { pageAfter, toPage } from "./cursor.ts";
import type { Change, Reader } from "./registry.ts";
import { tenantGet } from "./tenant.ts";
import { refuseGone, refuseOtherVersion } from "./tenantProblem.ts";
import { tenantWordsWrite } from "./tenantWords.ts";

/** Ids that other systems gave to tenants. Within a system an id is one tenant's; a deleted tenant gives its ids back. */

export interface ExternalIdWriteOptions {
  /** From If-Match: the change is refused when the record has another version. */
  readonly expectedVersion?: number | undefined;
}

type Key = Pick<ExternalId, "tenantId" | "system">;

/** Audits `external_id.set`; the same id again writes nothing. */
export async function externalIdSet(
  change: Change,
  { tenantId, system }: Key,
  { externalId, reason }: ExternalIdSet,
  { expectedVersion }: ExternalIdWriteOptions = {},
): Promise<ExternalId> {
  refuseGone(await tenantGet(change.db, tenantId));
  const before = await externalIdFind(change.db, tenantId, system);
  refuseOtherVersion("external id", before ?? { recordVersion: 0 }, expectedVersion);
  if (before?.externalId === externalId) return before;
  if (before === undefined) await refuseMany(change.db, tenantId);
  const row: ExternalId = {
    ...{ tenantId, system, externalId },
    recordVersion: (before?.recordVersion ?? 0) + 1,
    createdAt: before?.createdAt ?? change.now,
    updatedAt: change.now,
  };
  await write(change, row);
  await tenantWordsWrite(change, tenantId);
  await announce(change, row, "external_id.set", reason, {
    from: before?.externalId ?? null,
    to: externalId,
  });
  return row;
}

/** The holder is looked for first, as its id is worth telling; the constraint decides when two come at once. */
async function write(change: Change, row: ExternalId): Promise<void> {
  const holder = await externalIdHolder(change.db, row.system, row.externalId);
  if (holder !== undefined) throw taken(row, holder.tenantId);
  try {
    await change.db
      .insertInto("tenantExternalIds")
      .values(row)
      .onConflict((conflict) => conflict.columns(["tenantId", "system"]).doUpdateSet(row))
      .execute();
  } catch (error) {
    if (change.uniqueViolation(error) !== undefined) throw taken(row, undefined, error);
    throw error;
  }
}

/** Audits `external_id.removed`. */
export async function externalIdRemove(
  change: Change,
  { tenantId, system }: Key,
  { expectedVersion, reason }: ExternalIdWriteOptions & { readonly reason?: string | undefined } = {},
): Promise<void> {
  await tenantGet(change.db, tenantId);
  const before = await externalIdFind(change.db, tenantId, system);
  if (before === undefined) throw noneOf(tenantId, system);
  refuseOtherVersion("external id", before, expectedVersion);
  await change.db
    .deleteFrom("tenantExternalIds")
    .where("tenantId", "=", tenantId)
    .where("system", "=", system)
    .execute();
  await tenantWordsWrite(change, tenantId);
  await announce(change, before, "external_id.removed", reason, { from: before.externalId, to: null });
}

export function externalIdFind(
  db: Reader,
  tenantId: string,
  system: string,
): Promise<ExternalId | undefined> {
  return db
    .selectFrom("tenantExternalIds")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .where("system", "=", system)
    .executeTakeFirst();
}

/** All of a tenant's, by system: never more than EXTERNAL_ID_LIMITS.perTenant. */
export function externalIdsOf(db: Reader, tenantId: string): Promise<ExternalId[]> {
  return externalIds(db, tenantId).execute();
}

/** The same of many tenants, at most some hundreds at once. */
export function externalIdsOfAll(db: Reader, tenantIds: readonly string[]): Promise<ExternalId[]> {
  const rows = db
    .selectFrom("tenantExternalIds")
    .selectAll()
    .where("tenantId", "in", [...tenantIds]);
  return rows.orderBy("system").execute();
}

/** By system. */
export async function externalIdList(
  db: Reader,
  tenantId: string,
  page: PageRequest,
): Promise<Page<ExternalId>> {
  await tenantGet(db, tenantId);
  let rows = externalIds(db, tenantId);
  if (page.cursor) rows = rows.where("system", ">", pageAfter(page.cursor)[0]);
  const found = await rows.limit(page.limit + 1).execute();
  return toPage(
    found,
    page.limit,
    (row) => row,
    ({ system }) => [system, system],
  );
}

export async function tenantByExternalId(db: Reader, system: string, externalId: string): Promise<Tenant> {
  const holder = await externalIdHolder(db, system, externalId);
  if (holder !== undefined) return tenantGet(db, holder.tenantId);
  throw new ProblemError("external_id_not_found", {
    detail: `Cannot find a tenant that ${system} calls ${externalId}.`,
    hint: "Ids are told apart by case; search for a part of it with GET /v1/control-plane/tenants?search=….",
    errors: [{ path: "path.externalId", message: "is no tenant's", value: externalId }],
  });
}

/** Whose the id is. */
export function externalIdHolder(db: Reader, system: string, externalId: string) {
  return db
    .selectFrom("tenantExternalIds")
    .select("tenantId")
    .where("system", "=", system)
    .where("externalId", "=", externalId)
    .executeTakeFirst();
}

function externalIds(db: Reader, tenantId: string) {
  return db.selectFrom("tenantExternalIds").selectAll().where("tenantId", "=", tenantId).orderBy("system");
}

async function refuseMany(db: Reader, tenantId: string): Promise<void> {
  const { length } = await externalIdsOf(db, tenantId);
  if (length < EXTERNAL_ID_LIMITS.perTenant) return;
  throw new ProblemError("too_many_external_ids", {
    detail: `Cannot add the external id: a tenant may have ${EXTERNAL_ID_LIMITS.perTenant}, and this one has ${length}.`,
    hint: "Remove that of a system that is no longer used.",
    errors: [{ path: "path.system", message: "is one system too many" }],
  });
}

function taken({ system, externalId }: ExternalId, holder: string | undefined, cause?: unknown) {
  return new ProblemError("duplicate_external_id", {
    detail: `Cannot set the external id: in ${system} an id is one tenant's, and ${externalId} is ${holder ?? "another"}'s.`,
    hint: "Remove it from the other tenant first, or correct it.",
    errors: [{ path: "body.externalId", message: "is another tenant's", value: externalId }],
    cause,
  });
}

function noneOf(tenantId: string, system: string): ProblemError {
  return new ProblemError("external_id_not_found", {
    detail: `Cannot remove the external id: the tenant has none in ${system}.`,
    hint: `List them with GET /v1/control-plane/tenants/${tenantId}/external-ids.`,
    errors: [{ path: "path.system", message: "has no id for this tenant", value: system }],
  });
}

async function announce(
  change: Change,
  { tenantId, system, recordVersion }: ExternalId,
  action: string,
  reason: string | undefined,
  moved: { readonly from: string | null; readonly to: string | null },
): Promise<void> {
  await change.audit({
    ...{ action, target: { type: "external_id", id: system }, tenantId, reason: reason ?? null },
    details: { system, recordVersion, ...moved },
  });
  await change.outbox({ type: action, tenantId, payload: { tenantId, system, externalId: moved.to } });
}
