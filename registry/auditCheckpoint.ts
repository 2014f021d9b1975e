import { createHash } from "node:crypto";
import type { AuditCheckpointStatement, AuditStartStatement } from "../contract/auditCheckpoint.ts";
import type { ChainHead } from "./auditChain.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { type PublicKey, type Signature, signatureProblem } from "./signature.ts";

/**
 * A checkpoint: one signature over the heads of all chains, taken now and then and kept outside. A trail that was cut or
 * rewritten since, with all its hashes and heads, still does not have the event that the checkpoint has. The heads are in the root
 * of a Merkle tree, so that one tenant's can be proved without showing another's. Pure: the reader needs no service.
 */
export interface Head extends ChainHead {
  readonly chain: string;
}

export interface Signed<T> extends Signature {
  readonly statement: T;
}

export type SignedCheckpoint = Signed<AuditCheckpointStatement>;
export type SignedStart = Signed<AuditStartStatement>;

/** What is signed of a statement, and what its digest is taken over. */
export function statementText(statement: AuditCheckpointStatement | AuditStartStatement): string {
  return canonicalJson(statement);
}

export function checkpointDigest(statement: AuditCheckpointStatement): string {
  return createHash("sha256").update(statementText(statement)).digest("hex");
}

/** The leaf of a chain; chains are in the order of their names. */
export function headText({ chain, sequence, hash }: Head): string {
  return `${chain}:${sequence}:${hash}`;
}

export function headOf(text: string): Head | undefined {
  const [, chain, sequence, hash] = /^([0-9a-z-]{1,64}):(\d{1,16}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (chain === undefined || sequence === undefined || hash === undefined) return undefined;
  return { chain, sequence: Number(sequence), hash };
}

/** Why the statement is not what the service has signed, or undefined when it is. */
export function statementProblem(
  { statement, keyId, signature }: Signed<AuditCheckpointStatement | AuditStartStatement>,
  kind: "audit_checkpoint" | "audit_start",
  keys: readonly PublicKey[],
): string | undefined {
  // One of the other kind, well signed, must not pass for this.
  if (statement.kind !== kind) return `it is no ${kind}`;
  return signatureProblem(statementText(statement), { keyId, signature }, keys);
}
