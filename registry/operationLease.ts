import type { Operation } from "../contract/operation.ts";
import { type Bookkeeping, operationLock } from "./bookkeeping.ts";
import { LeaseLostError } from "./journal.ts";
import { operationFromRow } from "./operation.ts";
import type { Reader } from "./registry.ts";

/**
 * Who works on an operation. A lease runs out unless renewed; each claim raises the fencing token, so that what an
 * earlier owner still tries to write is refused. The times compared are the registry's own.
 */
export interface ClaimedOperation {
  readonly operation: Operation;
  readonly fencingToken: number;
}

/** Unfinished operations that nobody holds, oldest first. */
export async function operationsClaimable(db: Reader, now: string, limit: number): Promise<Operation[]> {
  const rows = await db
    .selectFrom("operations")
    .selectAll()
    .where("finishedAt", "is", null)
    .where((eb) => eb.or([eb("leaseOwner", "is", null), eb("leaseExpiresAt", "<=", now)]))
    .orderBy("createdAt")
    .orderBy("operationId")
    .limit(limit)
    .execute();
  return rows.map(operationFromRow);
}

/** Undefined when somebody else holds it or it has ended. An owner may claim its own again: then the token grows. */
export async function operationClaim(
  record: Bookkeeping,
  operationId: string,
  owner: string,
  leaseMs: number,
): Promise<ClaimedOperation | undefined> {
  // Not between the check and the write of an earlier owner's journal entry.
  await record.lock(operationLock(operationId));
  const row = await record.db
    .updateTable("operations")
    .set((eb) => ({
      leaseOwner: owner,
      leaseExpiresAt: expiry(record.now, leaseMs),
      fencingToken: eb("fencingToken", "+", 1),
    }))
    .where("operationId", "=", operationId)
    .where("finishedAt", "is", null)
    .where((eb) =>
      eb.or([
        eb("leaseOwner", "is", null),
        eb("leaseOwner", "=", owner),
        eb("leaseExpiresAt", "<=", record.now),
      ]),
    )
    .returningAll()
    .executeTakeFirst();
  return row && { operation: operationFromRow(row), fencingToken: row.fencingToken };
}

/** Throws LeaseLostError when the operation has been claimed anew or has ended. */
export async function operationRenew(
  record: Bookkeeping,
  operationId: string,
  fencingToken: number,
  leaseMs: number,
): Promise<void> {
  const { numUpdatedRows } = await record.db
    .updateTable("operations")
    .set({ leaseExpiresAt: expiry(record.now, leaseMs) })
    .where("operationId", "=", operationId)
    .where("fencingToken", "=", fencingToken)
    .where("leaseOwner", "is not", null)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw new LeaseLostError(operationId);
}

/** Gives an unfinished operation back, such as at shutdown, for anybody to claim at once. */
export async function operationRelease(
  record: Bookkeeping,
  operationId: string,
  fencingToken: number,
): Promise<void> {
  await record.db
    .updateTable("operations")
    .set({ leaseOwner: null, leaseExpiresAt: null })
    .where("operationId", "=", operationId)
    .where("fencingToken", "=", fencingToken)
    .execute();
}

/**
 * Gives back all that an owner holds; answers how many. For an owner's own start, when whoever held them under its name is
 * certainly gone: waiting for the leases to run out would only cost time.
 */
export async function operationReleaseAll(record: Bookkeeping, owner: string): Promise<number> {
  const { numUpdatedRows } = await record.db
    .updateTable("operations")
    .set({ leaseOwner: null, leaseExpiresAt: null })
    .where("leaseOwner", "=", owner)
    .where("finishedAt", "is", null)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

function expiry(now: string, leaseMs: number): string {
  return new Date(Date.parse(now) + leaseMs).toISOString();
}
