import { sql } from "kysely";
import type { AuditEvent } from "../contract/audit.ts";
import type { AuditCheckpointStatement } from "../contract/auditCheckpoint.ts";
import { ProblemError } from "../contract/errors.ts";
import { auditHead, eventsOf } from "./audit.ts";
import { FLEET_CHAIN } from "./auditChain.ts";
import { headOf, headText, type SignedCheckpoint } from "./auditCheckpoint.ts";
import { checkpointHeads, checkpointLatest } from "./auditCheckpointStore.ts";
import type { AuditLine } from "./auditLines.ts";
import { auditStartFind } from "./auditStart.ts";
import { encodeCursor, pageAfter } from "./cursor.ts";
import { type MerkleTree, merkleTree } from "./merkle.ts";
import type { Reader } from "./registry.ts";
import { signingKeyFind } from "./signingKey.ts";

/** Chains as lines for auditLines.ts to read. Read as they are sent: memory stays flat, however long the trail. */
export type Exported = AuditEvent | AuditLine;

export interface ExportRequest {
  /** `all`, `fleet` or a tenant id. */
  readonly chain: string;
  /** Events at most; a line `next` tells how to go on. */
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export async function* auditExport(
  db: Reader,
  { chain, limit, cursor }: ExportRequest,
  exportedAt: string,
): AsyncGenerator<Exported> {
  const [fromChain, fromSequence] = cursor === undefined ? ["", 0] : placeOf(cursor);
  if (cursor === undefined) {
    yield { line: "export", formatVersion: 1, chain, exportedAt };
    yield* keyLines(db);
  }
  let left = limit;
  for await (const name of chain === "all" ? chainsFrom(db, fromChain) : [chain]) {
    const after = name === fromChain ? fromSequence : 0;
    // What is written meanwhile is for the next export.
    const head = await auditHead(db, name);
    if (after === 0) yield* startLines(db, name);
    for await (const event of eventsOf(db, name, head?.sequence ?? Number.MAX_SAFE_INTEGER, after)) {
      if (left === 0) return yield { line: "next", cursor: encodeCursor([name, String(event.sequence - 1)]) };
      yield event;
      left -= 1;
    }
    if (head !== null) yield { line: "head", head: headText({ chain: name, ...head }) };
  }
  yield { line: "end" };
}

function placeOf(cursor: string): [string, number] {
  const [chain, sequence] = pageAfter(cursor);
  return [chain, Number(sequence)];
}

/** A chain that nobody has written to is a mistake in its name. */
export async function requireChain(db: Reader, chain: string): Promise<void> {
  if (chain === "all" || chain === FLEET_CHAIN || (await auditHead(db, chain)) !== null) return;
  throw new ProblemError("audit_chain_not_found", {
    detail: `Cannot export the chain ${chain}: it must be \`all\`, \`fleet\` or a tenant's id.`,
    hint: "Find the tenant with GET /v1/control-plane/tenants.",
    errors: [{ path: "query.chain", message: "is no chain", value: chain }],
  });
}

async function* chainsFrom(db: Reader, from: string): AsyncGenerator<string> {
  let after = from;
  let isFirst = true;
  for (;;) {
    const rows = await db
      .selectFrom("auditHeads")
      .select("chain")
      .where("chain", isFirst ? ">=" : ">", after)
      .orderBy("chain")
      .limit(500)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return;
    yield* rows.map(({ chain }) => chain);
    after = last.chain;
    isFirst = false;
  }
}

async function* keyLines(db: Reader): AsyncGenerator<AuditLine> {
  const keys = await db
    .selectFrom("signingKeys")
    .select(["keyId", "publicKey"])
    .orderBy("createdAt")
    .execute();
  for (const key of keys) yield { line: "key", ...key };
}

async function* startLines(db: Reader, chain: string): AsyncGenerator<AuditLine> {
  const signed = await auditStartFind(db, chain);
  if (signed !== undefined) yield { line: "start", ...signed };
}

/** A checkpoint with its key and all its heads, the same each time; undefined when they are no longer here. */
export async function checkpointLines(
  db: Reader,
  signed: SignedCheckpoint,
): Promise<AuditLine[] | undefined> {
  const heads = await checkpointHeads(db, signed.statement.number);
  if (heads === undefined) return undefined;
  const key = await signingKeyFind(db, signed.keyId);
  const keys =
    key === undefined ? [] : [{ line: "key", keyId: key.keyId, publicKey: key.publicKey } as const];
  const lines = heads.map((head): AuditLine => ({ line: "checkpoint_head", head }));
  return [...keys, { line: "checkpoint", ...signed }, ...lines];
}

export interface ProofRequest {
  readonly from?: string | undefined;
  /** Events at most, and bytes of them. */
  readonly limit: number;
  readonly limitBytes?: number;
  readonly exportedAt: string;
}

export interface AuditProof {
  /** That has signed it. */
  readonly checkpoint: AuditCheckpointStatement;
  readonly lines: AsyncGenerator<Exported>;
}

/** A tenant's chain as far as the newest checkpoint has signed it, with the path that shows it. */
export async function auditProof(
  db: Reader,
  chain: string,
  { from, limit, limitBytes, exportedAt }: ProofRequest,
): Promise<AuditProof> {
  const signed = await checkpointLatest(db);
  const known = signed && (await treeOf(db, signed));
  const place = known?.heads.findIndex((text) => text.startsWith(`${chain}:`)) ?? -1;
  const head = known?.heads[place];
  if (signed === undefined || known === undefined || head === undefined) throw noCheckpoint(chain);
  const { sequence: upTo, hash } = headOf(head) ?? { sequence: 0, hash: "" };
  // Nothing may have happened since, or not been signed yet: then the proof is of where the chain stands.
  const after = Math.min(await sequenceBefore(db, chain, from), upTo);
  if (upTo - after > limit) throw tooLarge(upTo - after, "events", limit);
  const bytes = limitBytes === undefined ? 0 : await bytesOf(db, chain, after, upTo);
  if (limitBytes !== undefined && bytes > limitBytes) throw tooLarge(bytes, "bytes of events", limitBytes);
  const { number } = signed.statement;
  const path = known.tree.path(place);
  async function* lines(): AsyncGenerator<Exported> {
    yield { line: "export", formatVersion: 1, chain, exportedAt };
    yield* keyLines(db);
    yield { line: "checkpoint", ...(signed as SignedCheckpoint) };
    yield { line: "inclusion", checkpoint: number, head: head as string, index: place, path };
    if (after === 0) yield* startLines(db, chain);
    else if (after === upTo) yield { line: "segment", chain, sequence: upTo, hash };
    let isFirst = after > 0;
    for await (const event of eventsOf(db, chain, upTo, after)) {
      if (isFirst) yield { line: "segment", chain, sequence: event.sequence - 1, hash: event.previousHash };
      isFirst = false;
      yield event;
    }
    yield { line: "end" };
  }
  return { checkpoint: signed.statement, lines: lines() };
}

/** Of an event's line, besides what is counted below: names, digests, ids and times. */
const EVENT_LINE_BYTES = 700;

/** No less than the events between have as lines. */
async function bytesOf(db: Reader, chain: string, after: number, upTo: number): Promise<number> {
  const text = sql<number>`octet_length(details) + 2 * octet_length(coalesce(reason, '')) + octet_length(target_id)
    + octet_length(actor_name) + octet_length(correlation_id) + octet_length(request_id)`;
  const { bytes, events } = await db
    .selectFrom("auditEvents")
    .select((eb) => [eb.fn.sum(text).as("bytes"), eb.fn.countAll().as("events")])
    .where("chain", "=", chain)
    .where("sequence", ">", after)
    .where("sequence", "<=", upTo)
    .executeTakeFirstOrThrow();
  return Number(bytes ?? 0) + Number(events) * EVENT_LINE_BYTES;
}

/** The last event before the time, 0 when there is none or it is the chain's start. */
async function sequenceBefore(db: Reader, chain: string, from: string | undefined): Promise<number> {
  if (from === undefined) return 0;
  const row = await db
    .selectFrom("auditEvents")
    .select((eb) => eb.fn.max("sequence").as("sequence"))
    .where("tenantId", "=", chain)
    .where("chain", "=", chain)
    .where("occurredAt", "<", from)
    .executeTakeFirst();
  return Number(row?.sequence ?? 0);
}

interface KnownTree {
  readonly root: string;
  readonly tree: MerkleTree;
  readonly heads: readonly string[];
}

/** Of the newest checkpoint that was asked for: with 100,000 tenants it takes a moment to make. Its root is its name. */
let newest: KnownTree | undefined;

async function treeOf(db: Reader, { statement }: SignedCheckpoint): Promise<KnownTree | undefined> {
  const { root, number } = statement;
  if (newest?.root === root) return newest;
  const heads = await checkpointHeads(db, number);
  if (heads === undefined) return undefined;
  newest = { root, tree: merkleTree(heads), heads };
  return newest;
}

function noCheckpoint(chain: string): ProblemError {
  return new ProblemError("audit_checkpoint_missing", {
    detail: `Cannot prove the chain ${chain}: a checkpoint must have signed its head, and none has yet.`,
    hint: "Take one with POST /v1/control-plane/audit/checkpoints, or wait for the next.",
  });
}

function tooLarge(found: number, what: string, limit: number): ProblemError {
  return new ProblemError("audit_too_large", {
    detail: `Cannot prove ${found} ${what} in one answer: it must be at most ${limit}.`,
    hint: "Say with a later `from` which of them matter, or export the whole chain page by page with GET /v1/control-plane/audit/export?chain=<tenant id>.",
    errors: [{ path: "query.from", message: "leaves too many events", value: found }],
  });
}
