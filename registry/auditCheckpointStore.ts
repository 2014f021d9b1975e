import { gunzipSync, gzipSync } from "node:zlib";
import type { Selectable } from "kysely";
import type { AuditCheckpoint, AuditCheckpointStatement } from "../contract/auditCheckpoint.ts";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import { checkpointDigest, type Head, type SignedCheckpoint, statementText } from "./auditCheckpoint.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfterNumber, toPage } from "./cursor.ts";
import type { Change, Reader } from "./registry.ts";
import type { AuditCheckpointTable } from "./schema.ts";
import { signingKeyKeep } from "./signingKey.ts";

/**
 * The checkpoints of the registry. Their statements stay for ever; the heads they were taken over (some 100 bytes a tenant,
 * compressed in one text) only of the newest, since all are written to the anchor outside.
 */
const HEADS_KEPT = 5;
const HEADS_AT_ONCE = 5_000;
/** Of events that are each named in the statement. */
const EVENTS_AT_ONCE = 200;

/** All chains in the order of their names; each as it stood at some moment while this was read. */
export async function* headsOf(db: Reader): AsyncGenerator<Head[]> {
  let after = "";
  for (;;) {
    const rows = await db
      .selectFrom("auditHeads")
      .select(["chain", "sequence", "hash"])
      .where("chain", ">", after)
      .orderBy("chain")
      .limit(HEADS_AT_ONCE)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last.chain;
  }
}

/** What the event of each head is now, undefined where it is gone: many at once, since every tenant's chain may have moved on. */
export async function* hashesNow(
  db: Reader,
  heads: readonly Head[],
): AsyncGenerator<readonly [Head, string | undefined]> {
  for (let from = 0; from < heads.length; from += EVENTS_AT_ONCE) {
    const some = heads.slice(from, from + EVENTS_AT_ONCE);
    const rows = await db
      .selectFrom("auditEvents")
      .select(["chain", "hash"])
      .where((eb) => eb.or(some.map(({ chain, sequence }) => eb.and({ chain, sequence }))))
      .execute();
    const hashes = new Map(rows.map(({ chain, hash }) => [chain, hash]));
    for (const head of some) yield [head, hashes.get(head.chain)];
  }
}

/** Audits `audit.checkpointed`. */
export async function checkpointKeep(
  change: Change,
  { statement, keyId, signature }: SignedCheckpoint,
  { publicKey, heads, reason }: { publicKey: string; heads: readonly string[]; reason?: string | undefined },
): Promise<void> {
  const { number, root, chains } = statement;
  await signingKeyKeep(change, { keyId, publicKey });
  const digest = checkpointDigest(statement);
  const row = { number, body: statementText(statement), digest, keyId, signature };
  await change.db
    .insertInto("auditCheckpoints")
    .values({ ...row, createdAt: change.now })
    .execute();
  await change.db
    .insertInto("auditCheckpointHeads")
    .values({ number, heads: packed(heads) })
    .execute();
  await change.db
    .deleteFrom("auditCheckpointHeads")
    .where("number", "<=", number - HEADS_KEPT)
    .execute();
  await change.audit({
    action: "audit.checkpointed",
    target: { type: "audit_checkpoint", id: String(number) },
    reason: reason ?? null,
    details: { number, root, chains, digest, keyId },
  });
}

function packed(heads: readonly string[]): string {
  return gzipSync(heads.join("\n")).toString("base64");
}

export async function checkpointHeads(db: Reader, number: number): Promise<string[] | undefined> {
  const row = await db
    .selectFrom("auditCheckpointHeads")
    .select("heads")
    .where("number", "=", number)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const text = gunzipSync(Buffer.from(row.heads, "base64")).toString("utf8");
  return text === "" ? [] : text.split("\n");
}

export async function checkpointLatest(db: Reader): Promise<SignedCheckpoint | undefined> {
  const row = await db
    .selectFrom("auditCheckpoints")
    .selectAll()
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && signedOf(row);
}

export async function checkpointGet(db: Reader, number: number): Promise<AuditCheckpoint> {
  const row = await db
    .selectFrom("auditCheckpoints")
    .selectAll()
    .where("number", "=", number)
    .executeTakeFirst();
  if (row === undefined) throw checkpointMissing(number, "there is none with that number");
  const [checkpoint] = await withAnchors(db, [row]);
  return checkpoint as AuditCheckpoint;
}

export function checkpointMissing(number: number, why: string): ProblemError {
  return new ProblemError("audit_checkpoint_not_found", {
    detail: `Cannot give checkpoint ${number}: ${why}.`,
    hint: "List checkpoints with GET /v1/control-plane/audit/checkpoints; older ones are where --audit-anchor says.",
    errors: [{ path: "path.number", message: why, value: number }],
  });
}

/** Newest first. */
export async function checkpointList(db: Reader, page: PageRequest): Promise<Page<AuditCheckpoint>> {
  let rows = db.selectFrom("auditCheckpoints").selectAll();
  if (page.cursor !== undefined) rows = rows.where("number", "<", pageAfterNumber(page.cursor, 1));
  const found = await rows
    .orderBy("number", "desc")
    .limit(page.limit + 1)
    .execute();
  const { items, nextCursor } = toPage(found, page.limit, (row) => row, checkpointKey);
  return { items: await withAnchors(db, items), nextCursor };
}

type Row = Selectable<AuditCheckpointTable>;

function checkpointKey({ createdAt, number }: Row): readonly [string, string] {
  return [createdAt, String(number)];
}

function signedOf({ body, keyId, signature }: Row): SignedCheckpoint {
  return { statement: JSON.parse(body) as AuditCheckpointStatement, keyId, signature };
}

async function withAnchors(db: Reader, rows: readonly Row[]): Promise<AuditCheckpoint[]> {
  const numbers = rows.map(({ number }) => number);
  if (numbers.length === 0) return [];
  const anchors = await db
    .selectFrom("auditAnchors")
    .selectAll()
    .where("number", "in", numbers)
    .orderBy("place")
    .execute();
  const heads = await db
    .selectFrom("auditCheckpointHeads")
    .select("number")
    .where("number", "in", numbers)
    .execute();
  const exportable = new Set(heads.map(({ number }) => number));
  return rows.map((row) => ({
    ...signedOf(row),
    digest: row.digest,
    anchors: anchors
      .filter(({ number }) => number === row.number)
      .map(({ place, anchoredAt }) => ({ place, anchoredAt })),
    exportable: exportable.has(row.number),
  }));
}

/** Those whose heads are still here and that have not been written to the place yet, oldest first. */
export async function checkpointsToAnchor(db: Reader, place: string): Promise<number[]> {
  const rows = await db
    .selectFrom("auditCheckpointHeads")
    .select("number")
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("auditAnchors")
            .select("auditAnchors.number")
            .whereRef("auditAnchors.number", "=", "auditCheckpointHeads.number")
            .where("auditAnchors.place", "=", place),
        ),
      ),
    )
    .orderBy("number")
    .execute();
  return rows.map(({ number }) => number);
}

export async function anchorNote(record: Bookkeeping, number: number, place: string): Promise<void> {
  await record.db
    .insertInto("auditAnchors")
    .values({ number, place, anchoredAt: record.now })
    .onConflict((conflict) => conflict.columns(["number", "place"]).doNothing())
    .execute();
}
