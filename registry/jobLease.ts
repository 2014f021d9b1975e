import type { Bookkeeping } from "./bookkeeping.ts";
import { later, type Successor } from "./stackLease.ts";

/** Work of the whole service that one process at a time does: whoever has the job's lease. */
export async function jobLeaseTake(
  record: Bookkeeping,
  name: string,
  processId: string,
  leaseMs: number,
  { dead, killTimeMs }: Successor,
): Promise<{ readonly token: number } | undefined> {
  await record.lock(`job/${name}`);
  const { db, now } = record;
  const held = await db.selectFrom("jobLeases").selectAll().where("name", "=", name).executeTakeFirst();
  const owner = held?.processId;
  const isFree =
    owner == null ||
    owner === processId ||
    dead.includes(owner) ||
    held?.expiresAt == null ||
    later(held.expiresAt, killTimeMs) <= now;
  if (!isFree) return undefined;
  const token = (held?.token ?? 0) + 1;
  const lease = { processId, token, expiresAt: later(now, leaseMs) };
  await db
    .insertInto("jobLeases")
    .values({ name, ...lease })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(lease))
    .execute();
  return { token };
}

/** False when the job has gone to somebody else. */
export async function jobLeaseRenew(
  record: Bookkeeping,
  name: string,
  token: number,
  leaseMs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await record.db
    .updateTable("jobLeases")
    .set({ expiresAt: later(record.now, leaseMs) })
    .where("name", "=", name)
    .where("token", "=", token)
    .where("processId", "is not", null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Whether the job is still the caller's, and stays so until the caller's transaction ends: whoever takes it over then sees what that
 * has written.
 */
export async function jobLeaseHold(record: Bookkeeping, name: string, token: number): Promise<boolean> {
  await record.lock(`job/${name}`);
  const held = await record.db
    .selectFrom("jobLeases")
    .select(["token", "processId"])
    .where("name", "=", name)
    .executeTakeFirst();
  return held?.token === token && held.processId !== null;
}

export async function jobLeaseRelease(record: Bookkeeping, name: string, token: number): Promise<void> {
  await record.db
    .updateTable("jobLeases")
    .set({ processId: null, expiresAt: null })
    .where("name", "=", name)
    .where("token", "=", token)
    .execute();
}
