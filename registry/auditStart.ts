import type { AuditStartStatement } from "../contract/auditCheckpoint.ts";
import type { ChainHead } from "./auditChain.ts";
import { type SignedStart, statementProblem, statementText } from "./auditCheckpoint.ts";
import type { Change, Reader } from "./registry.ts";
import type { PublicKey } from "./signature.ts";
import { signingKeyKeep } from "./signingKey.ts";

/**
 * Where the kept part of a chain begins. What has outlived its retention is removed from a chain's beginning, never from its
 * middle, and a signed statement says which event was the last to go and what its hash was: the next one's link is checked
 * against that. The database refuses to remove an event that no statement covers.
 */
export async function auditStartFind(db: Reader, chain: string): Promise<SignedStart | undefined> {
  const row = await db.selectFrom("auditStarts").selectAll().where("chain", "=", chain).executeTakeFirst();
  if (row === undefined) return undefined;
  const { body, keyId, signature } = row;
  return { statement: JSON.parse(body) as AuditStartStatement, keyId, signature };
}

/** What a chain is verified from, and why its start cannot be believed, if so. */
export async function auditStartOf(
  db: Reader,
  chain: string,
  keys: readonly PublicKey[],
): Promise<{ readonly start: ChainHead | undefined; readonly problem: string | undefined }> {
  const signed = await auditStartFind(db, chain);
  if (signed === undefined) return { start: undefined, problem: undefined };
  const { sequence, hash } = signed.statement;
  const isOther = signed.statement.chain !== chain;
  const problem = isOther ? "it is another chain's" : statementProblem(signed, "audit_start", keys);
  return { start: { sequence, hash }, problem };
}

export interface Cut extends ChainHead {
  readonly chain: string;
  /** Events removed. */
  readonly events: number;
}

/** Removes all events up to and with the one that the statement names. Audits `audit.purged` on the chain itself. */
export async function auditChainCut(
  change: Change,
  { statement, keyId, signature }: SignedStart,
  publicKey: string,
): Promise<Cut> {
  const { chain, sequence, hash, keepDays, checkpoint } = statement;
  await signingKeyKeep(change, { keyId, publicKey });
  const row = { sequence, hash, body: statementText(statement), keyId, signature, updatedAt: change.now };
  await change.db
    .insertInto("auditStarts")
    .values({ chain, ...row })
    .onConflict((conflict) => conflict.column("chain").doUpdateSet(row))
    .execute();
  const removed = change.db
    .selectFrom("auditEvents")
    .where("chain", "=", chain)
    .where("sequence", "<=", sequence);
  await change.db.deleteFrom("auditReasonWords").where("eventId", "in", removed.select("eventId")).execute();
  const { numDeletedRows } = await change.db
    .deleteFrom("auditEvents")
    .where("chain", "=", chain)
    .where("sequence", "<=", sequence)
    .executeTakeFirst();
  const events = Number(numDeletedRows);
  await change.audit({
    action: "audit.purged",
    target: { type: "audit_chain", id: chain },
    tenantId: chain === "fleet" ? null : chain,
    details: { through: sequence, hash, events, keepDays, checkpoint },
  });
  return { chain, sequence, hash, events };
}
