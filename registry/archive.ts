import type { Selectable } from "kysely";
import type { Archive, ArchiveManifest } from "../contract/archive.ts";
import type { Page, PageRequest } from "../contract/common.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import type { ArchiveTable } from "./schema.ts";

/** What has been moved to archive storage: where, how much and with which checksums. The data itself is never here. */
export type ArchiveCreate = Omit<Archive, "state" | "createdAt" | "restoredAt" | "deletedAt">;

/** Audits `archive.created`. Created twice with one id, the first stays. */
export async function archiveCreate(change: Change, input: ArchiveCreate): Promise<Archive> {
  const earlier = await archiveFind(change.db, input.archiveId);
  if (earlier?.state === "complete") return earlier;
  const times = { createdAt: change.now, restoredAt: null, deletedAt: null };
  const archive: Archive = { ...input, state: "complete", ...times };
  const row = { ...archive, manifest: toJson(archive.manifest) };
  // An operation that is retried after half of its undoing makes the archive anew that it had given up.
  if (earlier === undefined) await change.db.insertInto("archives").values(row).execute();
  else await change.db.updateTable("archives").set(row).where("archiveId", "=", archive.archiveId).execute();
  const { archiveId, tenantId, planeName, bucket, prefix, retainUntil, manifest } = archive;
  await change.audit({
    action: "archive.created",
    target: { type: "archive", id: archiveId },
    tenantId,
    details: { planeName, bucket, prefix, retainUntil, manifest },
  });
  return archive;
}

/** Audits `archive.restored` or `archive.deleted`; what is deleted stays on record. */
export async function archiveMark(
  change: Change,
  archiveId: string,
  what: "restored" | "deleted",
  reason: string | null,
): Promise<void> {
  const archive = await archiveGet(change.db, archiveId);
  if (what === "deleted" && archive.state === "deleted") return;
  const marks =
    what === "deleted"
      ? ({ state: "deleted", deletedAt: change.now } as const)
      : ({ restoredAt: change.now } as const);
  await change.db.updateTable("archives").set(marks).where("archiveId", "=", archiveId).execute();
  const { tenantId, bucket, prefix } = archive;
  await change.audit({
    action: `archive.${what}`,
    target: { type: "archive", id: archiveId },
    tenantId,
    reason,
    details: { bucket, prefix },
  });
}

export async function archiveFind(db: Reader, archiveId: string): Promise<Archive | undefined> {
  const row = await db
    .selectFrom("archives")
    .selectAll()
    .where("archiveId", "=", archiveId)
    .executeTakeFirst();
  return row && fromRow(row);
}

/** For callers that hold the id already: a missing one is a fault of ours, not of a request. */
export async function archiveGet(db: Reader, archiveId: string): Promise<Archive> {
  const archive = await archiveFind(db, archiveId);
  if (archive === undefined) throw new Error(`Cannot find archive ${archiveId}: it must be in the registry.`);
  return archive;
}

/** The newest of a target that is still there. */
export async function archiveOfTarget(db: Reader, targetId: string): Promise<Archive | undefined> {
  const row = await db
    .selectFrom("archives")
    .selectAll()
    .where("targetId", "=", targetId)
    .where("state", "=", "complete")
    .orderBy("createdAt", "desc")
    .orderBy("archiveId", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && fromRow(row);
}

/** All of a tenant's, oldest first: never more than it was archived times its planes. */
export async function archivesOfTenant(db: Reader, tenantId: string): Promise<Archive[]> {
  const rows = await db
    .selectFrom("archives")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .orderBy("createdAt")
    .orderBy("archiveId")
    .execute();
  return rows.map(fromRow);
}

/** Newest first. */
export async function archiveList(db: Reader, tenantId: string, page: PageRequest): Promise<Page<Archive>> {
  let rows = db.selectFrom("archives").selectAll().where("tenantId", "=", tenantId);
  if (page.cursor) {
    const [createdAt, archiveId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "archiveId"), "<", tuple(createdAt, archiveId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("archiveId", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, fromRow, (row) => [row.createdAt, row.archiveId]);
}

/**
 * Past their retention and needed by nobody: an archived tenant lives in its archive alone, and a tenant under
 * legal hold loses nothing.
 */
export async function archivesExpired(db: Reader, now: string, limit: number): Promise<Archive[]> {
  const rows = await db
    .selectFrom("archives")
    .innerJoin("tenants", "tenants.tenantId", "archives.tenantId")
    .selectAll("archives")
    .where("state", "=", "complete")
    .where("retainUntil", "<=", now)
    .where("tenants.legalHold", "is", null)
    .where((eb) => eb.or([eb("restoredAt", "is not", null), eb("tenants.status", "=", "deleted")]))
    .orderBy("retainUntil")
    .orderBy("archiveId")
    .limit(limit)
    .execute();
  return rows.map(fromRow);
}

function fromRow(row: Selectable<ArchiveTable>): Archive {
  return { ...row, manifest: fromJson(row.manifest) as ArchiveManifest };
}
