import type { Bookkeeping } from "./bookkeeping.ts";
import { isNotHeld } from "./legalHold.ts";
import { SERVED } from "./queue.ts";
import type { Change, Reader } from "./registry.ts";
import { later } from "./stackLease.ts";

/**
 * What the registry does not keep for ever: operations with their journals, outbox events, places in the queue. Each call removes
 * a bounded number and says how many it was; whoever calls goes on until it is none.
 *
 * Kept whatever their age: the audit chain; of each target and each tenant the last operation; what a rollout's target refers
 * to; every decommission; all operations of a tenant with a legal hold; what has been tried again, as long as the later try is
 * there. Of each stream of the outbox the last event stays, since it numbers the next.
 */
const DAY_MS = 86_400_000;
/** An event that has been passed on is of use to nobody but who looks for what was passed on just now. */
const DISPATCHED_KEEP_MS = DAY_MS;

export interface Purge {
  readonly keepDays: number;
  /** At most so many rows, of operations without their journals. */
  readonly limit: number;
}

export interface PurgedOperations {
  readonly operations: number;
  readonly journalEntries: number;
}

/** Audited as `operations.purged`: a journal is evidence, and so is that it is no more. */
export async function operationsPurge(change: Change, { keepDays, limit }: Purge): Promise<PurgedOperations> {
  const { db, now } = change;
  const ids = await outlived(db, later(now, -keepDays * DAY_MS), limit);
  if (ids.length === 0) return { operations: 0, journalEntries: 0 };
  const journal = await db.deleteFrom("operationJournal").where("operationId", "in", ids).executeTakeFirst();
  const gone = await db.deleteFrom("operations").where("operationId", "in", ids).executeTakeFirst();
  const [operations, journalEntries] = [Number(gone.numDeletedRows), Number(journal.numDeletedRows)];
  await change.audit({
    action: "operations.purged",
    target: { type: "registry", id: "operations" },
    details: { operations, journalEntries, keepDays },
  });
  return { operations, journalEntries };
}

async function outlived(db: Reader, before: string, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("operations")
    .select("operationId")
    .where("finishedAt", "<", before)
    .where("kind", "<>", "tenant_decommission")
    .where(isNotHeld("operations.tenantId"))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("targets")
            .select("targets.targetId")
            .whereRef("targets.targetId", "=", "operations.targetId")
            .whereRef("targets.lastOperationId", "=", "operations.operationId"),
        ),
      ),
    )
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("operations as newer")
          .select("newer.operationId")
          .whereRef("newer.tenantId", "=", "operations.tenantId")
          .whereRef("newer.createdAt", ">", "operations.createdAt"),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("rolloutTargets")
            .select("rolloutTargets.targetId")
            .whereRef("rolloutTargets.rolloutId", "=", "operations.rolloutId")
            .whereRef("rolloutTargets.targetId", "=", "operations.targetId"),
        ),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("operations as retry")
            .select("retry.operationId")
            .whereRef("retry.retryOf", "=", "operations.operationId"),
        ),
      ),
    )
    .orderBy("finishedAt")
    .orderBy("operationId")
    .limit(limit)
    .execute();
  return rows.map(({ operationId }) => operationId);
}

export async function outboxPurge({ db, now }: Bookkeeping, { keepDays, limit }: Purge): Promise<number> {
  const rows = await db
    .selectFrom("outbox")
    .select("eventId")
    .where((eb) =>
      eb.or([
        eb("createdAt", "<", later(now, -keepDays * DAY_MS)),
        eb("dispatchedAt", "<", later(now, -DISPATCHED_KEEP_MS)),
      ]),
    )
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("outbox as newer")
          .select("newer.eventId")
          .whereRef("newer.stream", "=", "outbox.stream")
          .whereRef("newer.sequence", ">", "outbox.sequence"),
      ),
    )
    .limit(limit)
    .execute();
  if (rows.length === 0) return 0;
  const ids = rows.map(({ eventId }) => eventId);
  const { numDeletedRows } = await db.deleteFrom("outbox").where("eventId", "in", ids).executeTakeFirst();
  return Number(numDeletedRows);
}

/** A round that has passed says nothing any more; so go the places of deleted tenants, who ask for nothing. */
export async function queueTurnsPurge({ db }: Bookkeeping): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom("queueTurns")
    .where("name", "<>", SERVED)
    .where((eb) =>
      eb("turn", "<", eb.selectFrom("queueTurns as served").select("turn").where("name", "=", SERVED)),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
