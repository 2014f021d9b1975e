import { createHash } from "node:crypto";
import type { AuditBreak, AuditEvent } from "../contract/audit.ts";
import { canonicalJson } from "./canonicalJson.ts";

/**
 * The hash chain of the audit trail, without a database: each event's hash covers the event and the hash before it, so
 * that an edit, a deletion or a swap breaks every link after it. What a chain alone cannot show, a tail cut off, its
 * head shows: the last sequence and hash, written with each event. Somebody who rewrites a whole chain and its head
 * leaves no trace in the database; for that, keep a checkpoint outside (auditCheckpoint.ts) and verify against it.
 */
export const CHAIN_START = "0".repeat(64);
export const FLEET_CHAIN = "fleet";

export type UnhashedAuditEvent = Omit<AuditEvent, "hash">;

export interface ChainHead {
  readonly sequence: number;
  readonly hash: string;
}

export function hashAuditEvent(event: UnhashedAuditEvent): string {
  const { hash: _hash, ...covered } = event as AuditEvent;
  return createHash("sha256").update(canonicalJson(covered)).digest("hex");
}

/** Verifies one chain event by event, so that a chain of any length needs no memory. */
export interface ChainVerifier {
  readonly chain: string;
  /** Events in the order of their sequence. */
  add(event: AuditEvent): void;
  /** The first break, or undefined. `null` as head means the chain has none recorded. */
  end(head: ChainHead | null): AuditBreak | undefined;
}

/** `start`: the event before the first that is kept, where something vouches for it. */
export function createChainVerifier(
  chain: string,
  start: ChainHead = { sequence: 0, hash: CHAIN_START },
): ChainVerifier {
  let last: ChainHead = { sequence: start.sequence, hash: start.hash };
  let found: AuditBreak | undefined;
  return {
    chain,
    add(event) {
      found ??= breakAt(event, last);
      last = { sequence: event.sequence, hash: event.hash };
    },
    end(head) {
      return found ?? breakAtEnd(chain, last, head);
    },
  };
}

export function verifyChain(
  chain: string,
  events: readonly AuditEvent[],
  head: ChainHead | null,
): AuditBreak | undefined {
  const verifier = createChainVerifier(chain);
  for (const event of events) verifier.add(event);
  return verifier.end(head);
}

function breakAt(event: AuditEvent, last: ChainHead): AuditBreak | undefined {
  const { chain, sequence } = event;
  const expected = last.sequence + 1;
  if (sequence > expected) {
    const message = `event ${expected} is missing: the next one kept is ${sequence}`;
    return { chain, sequence: expected, kind: "missing", message };
  }
  if (sequence < expected) {
    return { chain, sequence, kind: "reordered", message: `event ${sequence} comes after ${last.sequence}` };
  }
  if (hashAuditEvent(event) !== event.hash) {
    return {
      chain,
      sequence,
      kind: "edited",
      message: `event ${sequence} is not what its hash was taken over`,
    };
  }
  if (event.previousHash !== last.hash) {
    const message = `event ${sequence} does not follow the event kept before it`;
    return { chain, sequence, kind: "reordered", message };
  }
  return undefined;
}

function breakAtEnd(chain: string, last: ChainHead, head: ChainHead | null): AuditBreak | undefined {
  if (head === null) {
    if (last.sequence === 0) return undefined;
    return { chain, sequence: last.sequence, kind: "head_missing", message: "the chain's head is gone" };
  }
  if (head.sequence === last.sequence && head.hash === last.hash) return undefined;
  if (head.sequence > last.sequence) {
    const message = `the chain ends at ${last.sequence}, its head says ${head.sequence}`;
    return { chain, sequence: last.sequence + 1, kind: "truncated", message };
  }
  const message = `the chain's head is at ${head.sequence}, its last event is ${last.sequence}`;
  return { chain, sequence: head.sequence, kind: "edited", message };
}
