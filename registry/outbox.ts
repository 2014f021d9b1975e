import type { Kysely, Transaction } from "kysely";
import { FLEET_CHAIN } from "./auditChain.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { redact } from "./redact.ts";
import type { Schema } from "./schema.ts";

export interface OutboxEntry {
  /** `<noun>.<past participle>`, such as tenant.activated. */
  readonly type: string;
  readonly tenantId?: string | null;
  readonly payload: Record<string, unknown>;
}

export interface OutboxEvent {
  readonly stream: string;
  readonly sequence: number;
  readonly eventId: string;
  readonly type: string;
  readonly payload: Record<string, unknown>;
  readonly createdAt: string;
}

/**
 * Within a stream, sequence is order; the primary key keeps two writers from taking the same place. A stream's times never
 * go back, whichever process writes, so that the order of time among all streams keeps that of each.
 */
export async function outboxAppend(db: Transaction<Schema>, entry: OutboxEntry, now: string): Promise<void> {
  const stream = entry.tenantId ?? FLEET_CHAIN;
  const last = await db
    .selectFrom("outbox")
    .select(["sequence", "createdAt"])
    .where("stream", "=", stream)
    .orderBy("sequence", "desc")
    .limit(1)
    .executeTakeFirst();
  await db
    .insertInto("outbox")
    .values({
      stream,
      sequence: (last?.sequence ?? 0) + 1,
      eventId: newId(),
      type: entry.type,
      payload: toJson(redact(entry.payload)),
      createdAt: last !== undefined && last.createdAt > now ? last.createdAt : now,
      dispatchedAt: null,
    })
    .execute();
}

/** Oldest first, those not yet dispatched. */
export async function outboxPending(db: Kysely<Schema>, limit: number): Promise<OutboxEvent[]> {
  const rows = await db
    .selectFrom("outbox")
    .select(["stream", "sequence", "eventId", "type", "payload", "createdAt"])
    .where("dispatchedAt", "is", null)
    .orderBy("createdAt")
    .orderBy("stream")
    .orderBy("sequence")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, payload: fromJson(row.payload) }));
}

export interface OutboxBacklog {
  /** Counted no further than asked. */
  readonly pending: number;
  readonly oldestAt: string | undefined;
  /** Somebody takes events at all: without that, waiting means nothing. */
  readonly isTaken: boolean;
}

export async function outboxBacklog(db: Kysely<Schema>, most: number): Promise<OutboxBacklog> {
  const waiting = db
    .selectFrom("outbox")
    .select("createdAt")
    .where("dispatchedAt", "is", null)
    .orderBy("createdAt")
    .orderBy("stream")
    .orderBy("sequence")
    .limit(most);
  const counted = await db
    .selectFrom(waiting.as("waiting"))
    .select((eb) => [eb.fn.countAll().as("count"), eb.fn.min("createdAt").as("oldestAt")])
    .executeTakeFirstOrThrow();
  const taken = await db
    .selectFrom("outbox")
    .select("eventId")
    .where("dispatchedAt", "is not", null)
    .limit(1)
    .executeTakeFirst();
  return {
    pending: Number(counted.count),
    oldestAt: counted.oldestAt ?? undefined,
    isTaken: taken !== undefined,
  };
}

/** At least once: an event dispatched twice carries the same event id. */
export async function outboxMarkDispatched(record: Bookkeeping, eventIds: readonly string[]): Promise<void> {
  if (eventIds.length === 0) return;
  await record.db
    .updateTable("outbox")
    .set({ dispatchedAt: record.now })
    .where("eventId", "in", [...eventIds])
    .where("dispatchedAt", "is", null)
    .execute();
}
