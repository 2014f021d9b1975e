import { ProblemError } from "../contract/errors.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import type { Reader } from "./registry.ts";

/**
 * The order of the queue. Tenants are served in turn: an operation is given the number of the round in which it is due, one round
 * later for each operation of its tenant that waits already, and never a round that has passed. The lowest number
 * is served first, so a tenant that asks for a hundred things delays another's first by one, not by a hundred,
 * and an index gives the next in line however long the queue is.
 */

/** Unfinished operations a registry takes; past this a new one is refused. */
export const MAX_UNFINISHED_OPERATIONS = 10_000;
/** This near the bound those who ask wait for each other, so that it holds exactly. */
const COUNT_ALONE_MARGIN = 500;

/** The round that was served last. */
export const SERVED = "served";

/** Within a change that holds the tenant, which all that queue operations do. */
export async function queueTurn(record: Bookkeeping, tenantId: string): Promise<number> {
  const name = `tenant/${tenantId}`;
  const turns = await record.db
    .selectFrom("queueTurns")
    .selectAll()
    .where("name", "in", [SERVED, name])
    .execute();
  const served = turns.find((row) => row.name === SERVED)?.turn ?? 0;
  const last = turns.find((row) => row.name === name)?.turn ?? -1;
  const turn = Math.max(served, last + 1);
  await setTurn(record, name, turn);
  return turn;
}

/** Call with the queue's lock held. */
export async function queueServe(record: Bookkeeping, turn: number): Promise<void> {
  const served = await record.db
    .selectFrom("queueTurns")
    .select("turn")
    .where("name", "=", SERVED)
    .executeTakeFirst();
  if (served === undefined || turn > served.turn) await setTurn(record, SERVED, turn);
}

async function setTurn(record: Bookkeeping, name: string, turn: number): Promise<void> {
  await record.db
    .insertInto("queueTurns")
    .values({ name, turn })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ turn }))
    .execute();
}

export async function refuseWhenFull(record: Bookkeeping): Promise<void> {
  if ((await unfinished(record.db)) < MAX_UNFINISHED_OPERATIONS - COUNT_ALONE_MARGIN) return;
  await record.lock("queue");
  const waiting = await unfinished(record.db);
  if (waiting < MAX_UNFINISHED_OPERATIONS) return;
  throw new ProblemError("queue_full", {
    detail: `Cannot queue another operation: at most ${MAX_UNFINISHED_OPERATIONS} may be unfinished, and ${waiting} are.`,
    hint: "Wait for some to end (see tenantry_operations_queued in /metrics), or add workers, then send it again.",
  });
}

async function unfinished(db: Reader): Promise<number> {
  const { count } = await db
    .selectFrom("operations")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("finishedAt", "is", null)
    .executeTakeFirstOrThrow();
  return Number(count);
}

export interface QueueStats {
  readonly queued: number;
  readonly oldestQueuedAt: string | null;
  readonly running: readonly { readonly planeName: string; readonly count: number }[];
}

export async function queueStats(db: Reader): Promise<QueueStats> {
  const open = db.selectFrom("operations").where("finishedAt", "is", null);
  const waiting = await open
    .select((eb) => [eb.fn.countAll().as("count"), eb.fn.min("createdAt").as("oldest")])
    .where("leaseOwner", "is", null)
    .executeTakeFirstOrThrow();
  const running = await open
    .select((eb) => ["planeName", eb.fn.countAll().as("count")])
    .where("leaseOwner", "is not", null)
    .groupBy("planeName")
    .execute();
  return {
    queued: Number(waiting.count),
    oldestQueuedAt: waiting.oldest,
    running: running.map(({ planeName, count }) => ({
      planeName: planeName ?? "none",
      count: Number(count),
    })),
  };
}

/** Operations of which other processes have not been told, oldest first. */
export async function operationsUndispatched(db: Reader, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("operations")
    .select("operationId")
    .where("finishedAt", "is", null)
    .where("dispatchedAt", "is", null)
    .orderBy("createdAt")
    .orderBy("operationId")
    .limit(limit)
    .execute();
  return rows.map((row) => row.operationId);
}

export async function operationsMarkDispatched(
  record: Bookkeeping,
  operationIds: readonly string[],
): Promise<void> {
  await record.db
    .updateTable("operations")
    .set({ dispatchedAt: record.now })
    .where("operationId", "in", operationIds)
    .execute();
}
