import type { Kysely, Selectable, Transaction } from "kysely";
import type { AuditBreak, AuditEvent, AuditVerification } from "../contract/audit.ts";
import {
  CHAIN_START,
  type ChainHead,
  createChainVerifier,
  FLEET_CHAIN,
  hashAuditEvent,
} from "./auditChain.ts";
import { auditStartOf } from "./auditStart.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { reasonWords } from "./reasonWords.ts";
import { redact, redactText } from "./redact.ts";
import type { AuditEventTable, Schema } from "./schema.ts";

export interface Actor {
  readonly kind: "api_key" | "system" | "user";
  readonly id: string;
  readonly name: string;
}

/** Who causes a change and in the course of what; stamped on every audit event. */
export interface ChangeContext {
  readonly actor: Actor;
  readonly requestId: string;
  readonly correlationId: string;
  /** The span that the change is part of, for the operations it makes to go on with; W3C's form. */
  readonly traceparent?: string;
}

export interface AuditEntry {
  /** `<noun>.<past participle>`, such as tenant.created. */
  readonly action: string;
  readonly target: { readonly type: string; readonly id: string };
  /** Puts the event on the tenant's chain; without it, on the fleet's. */
  readonly tenantId?: string | null;
  readonly outcome?: "succeeded" | "failed" | "denied";
  readonly reason?: string | null;
  /** Plain data; never a secret. */
  readonly details?: Record<string, unknown>;
}

const PAGE_OF_VERIFICATION = 1_000;

/**
 * Links an event to its chain. Runs inside a change only: its transaction holds the chain. A chain's times never go back,
 * whichever process writes.
 */
export async function auditAppend(
  db: Transaction<Schema>,
  context: ChangeContext,
  entry: AuditEntry,
  now: string,
): Promise<AuditEvent> {
  const chain = entry.tenantId ?? FLEET_CHAIN;
  const head = await db.selectFrom("auditHeads").selectAll().where("chain", "=", chain).executeTakeFirst();
  const unhashed = {
    eventId: newId(),
    chain,
    sequence: (head?.sequence ?? 0) + 1,
    occurredAt: head !== undefined && head.updatedAt > now ? head.updatedAt : now,
    actor: { kind: context.actor.kind, id: context.actor.id, name: context.actor.name },
    action: entry.action,
    target: { type: entry.target.type, id: entry.target.id },
    tenantId: entry.tenantId ?? null,
    outcome: entry.outcome ?? "succeeded",
    reason: entry.reason === undefined || entry.reason === null ? null : redactText(entry.reason),
    requestId: context.requestId,
    correlationId: context.correlationId,
    details: redact(entry.details ?? {}),
    previousHash: head?.hash ?? CHAIN_START,
  };
  const event: AuditEvent = { ...unhashed, hash: hashAuditEvent(unhashed) };
  await db.insertInto("auditEvents").values(toRow(event)).execute();
  await moveHead(db, event, head === undefined);
  await keepWords(db, event);
  return event;
}

async function keepWords(
  db: Transaction<Schema>,
  { reason, occurredAt, eventId }: AuditEvent,
): Promise<void> {
  const words = reasonWords(reason ?? "");
  if (words.length === 0) return;
  const rows = words.map((word) => ({ word, occurredAt, eventId }));
  await db.insertInto("auditReasonWords").values(rows).execute();
}

/** As it was written with the last event; null for a chain that has not begun. */
export async function auditHead(db: Kysely<Schema>, chain: string): Promise<ChainHead | null> {
  const head = await db
    .selectFrom("auditHeads")
    .select(["sequence", "hash"])
    .where("chain", "=", chain)
    .executeTakeFirst();
  return head ?? null;
}

async function lastSequenceOf(db: Kysely<Schema>, chain: string): Promise<number> {
  const row = await db
    .selectFrom("auditEvents")
    .select((eb) => eb.fn.max("sequence").as("sequence"))
    .where("chain", "=", chain)
    .executeTakeFirst();
  return Number(row?.sequence ?? 0);
}

async function moveHead(db: Transaction<Schema>, event: AuditEvent, isFirst: boolean): Promise<void> {
  const { chain, sequence, hash, occurredAt: updatedAt } = event;
  if (isFirst) {
    await db.insertInto("auditHeads").values({ chain, sequence, hash, updatedAt }).execute();
    return;
  }
  await db.updateTable("auditHeads").set({ sequence, hash, updatedAt }).where("chain", "=", chain).execute();
}

/**
 * Verifies every chain, or one tenant's, against its recorded head, and that no tenant is without a chain.
 * Reads page by page: memory stays flat, however long the trail.
 */
export async function auditVerify(
  db: Kysely<Schema>,
  options: { readonly tenantId?: string | undefined; readonly now?: () => Date } = {},
): Promise<AuditVerification> {
  const breaks: AuditBreak[] = [];
  const chains = await chainsToVerify(db, options.tenantId);
  const keys = await db.selectFrom("signingKeys").select(["keyId", "publicKey"]).execute();
  let events = 0;
  for (const chain of chains) {
    // Events first, head second, verified as far as either reaches: what arrives meanwhile lies beyond both, and an event
    // the head does not know of has not come through a change.
    const reach = await lastSequenceOf(db, chain);
    const head = await auditHead(db, chain);
    const { start, problem } = await auditStartOf(db, chain, keys);
    if (problem !== undefined && start !== undefined)
      breaks.push(startInvalid(chain, start.sequence, problem));
    const verifier = createChainVerifier(chain, start);
    for await (const event of eventsOf(db, chain, Math.max(reach, head?.sequence ?? 0))) {
      verifier.add(event);
      events += 1;
    }
    const found = verifier.end(head) ?? (head === null ? chainMissing(chain) : undefined);
    if (found !== undefined) breaks.push(found);
  }
  const fleetHead = await auditHead(db, FLEET_CHAIN);
  const checkedAt = (options.now?.() ?? new Date()).toISOString();
  return { verified: breaks.length === 0, chains: chains.length, events, breaks, fleetHead, checkedAt };
}

function startInvalid(chain: string, sequence: number, problem: string): AuditBreak {
  return { chain, sequence, kind: "start_invalid", message: `the start of the chain: ${problem}` };
}

function chainMissing(chain: string): AuditBreak {
  return {
    chain,
    sequence: 1,
    kind: "chain_missing",
    message: "the tenant has no chain, though its first change made one",
  };
}

async function chainsToVerify(db: Kysely<Schema>, tenantId: string | undefined): Promise<string[]> {
  if (tenantId !== undefined) return [tenantId];
  const heads = await db.selectFrom("auditHeads").select("chain").execute();
  const written = await db.selectFrom("auditEvents").select("chain").distinct().execute();
  const tenants = await db.selectFrom("tenants").select("tenantId as chain").execute();
  return [...new Set([...heads, ...written, ...tenants].map((row) => row.chain))].sort();
}

/** One chain in its order, page by page; after `from`, up to and with `upTo`. */
export async function* eventsOf(
  db: Kysely<Schema>,
  chain: string,
  upTo: number = Number.MAX_SAFE_INTEGER,
  from: number = Number.MIN_SAFE_INTEGER,
): AsyncGenerator<AuditEvent> {
  let after = from;
  while (true) {
    const rows = await db
      .selectFrom("auditEvents")
      .selectAll()
      .where("chain", "=", chain)
      .where("sequence", ">", after)
      .where("sequence", "<=", upTo)
      .orderBy("sequence")
      .limit(PAGE_OF_VERIFICATION)
      .execute();
    yield* rows.map(auditEventOf);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_OF_VERIFICATION) return;
    after = last.sequence;
  }
}

function toRow(event: AuditEvent): Selectable<AuditEventTable> {
  const { actor, target, details, ...rest } = event;
  return {
    ...rest,
    actorKind: actor.kind,
    actorId: actor.id,
    actorName: actor.name,
    targetType: target.type,
    targetId: target.id,
    details: toJson(details),
  };
}

export function auditEventOf(row: Selectable<AuditEventTable>): AuditEvent {
  const { actorKind, actorId, actorName, targetType, targetId, details, ...rest } = row;
  return {
    ...rest,
    actor: { kind: actorKind, id: actorId, name: actorName },
    target: { type: targetType, id: targetId },
    details: fromJson(details),
  };
}
