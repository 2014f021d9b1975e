import type { AuditBreak } from "../contract/audit.ts";
import { auditHead, eventsOf } from "./audit.ts";
import { type ChainHead, createChainVerifier } from "./auditChain.ts";
import { auditStartFind } from "./auditStart.ts";
import { isNotHeld } from "./legalHold.ts";
import type { Reader } from "./registry.ts";

/** Chains with events from before `cutoff` that may go; none of a tenant with a legal hold, and no chain's last event. */
export async function chainsOutlived(db: Reader, cutoff: string, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("auditEvents as old")
    .select("old.chain")
    .distinct()
    .where("old.occurredAt", "<", cutoff)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("auditHeads")
          .select("auditHeads.chain")
          .whereRef("auditHeads.chain", "=", "old.chain")
          .whereRef("auditHeads.sequence", ">", "old.sequence"),
      ),
    )
    .where(isNotHeld("old.chain"))
    .limit(limit)
    .execute();
  return rows.map(({ chain }) => chain);
}

export interface Outlived {
  /** The last event that may go, with its hash; undefined when none may. */
  readonly last: ChainHead | undefined;
  /** What is wrong with those that would go: they are evidence of it, and stay. */
  readonly broken: AuditBreak | undefined;
}

/** The beginning of a chain that may go: from before `cutoff`, signed by a checkpoint up to `signedTo`, `limit` events at most. */
export async function outlivedOf(
  db: Reader,
  chain: string,
  { cutoff, signedTo, limit }: { cutoff: string; signedTo: number; limit: number },
): Promise<Outlived> {
  const head = await auditHead(db, chain);
  const start = (await auditStartFind(db, chain))?.statement;
  const from = start?.sequence ?? 0;
  const upTo = Math.min(signedTo, (head?.sequence ?? 0) - 1, from + limit);
  const verifier = createChainVerifier(chain, start);
  let last: ChainHead | undefined;
  for await (const { occurredAt, ...event } of eventsOf(db, chain, upTo, from)) {
    if (occurredAt >= cutoff) break;
    verifier.add({ occurredAt, ...event });
    last = { sequence: event.sequence, hash: event.hash };
  }
  return { last, broken: last === undefined ? undefined : verifier.end(last) };
}
