import type { AuditCheckpoint, AuditCheckpointStatement } from "../../contract/auditCheckpoint.ts";
import { ProblemError } from "../../contract/errors.ts";
import { FLEET_CHAIN } from "../../registry/auditChain.ts";
import {
  checkpointDigest,
  type Head,
  headOf,
  headText,
  statementText,
} from "../../registry/auditCheckpoint.ts";
import {
  checkpointGet,
  checkpointHeads,
  checkpointKeep,
  checkpointLatest,
  hashesNow,
  headsOf,
} from "../../registry/auditCheckpointStore.ts";
import { merkleTree } from "../../registry/merkle.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import type { ServiceContext } from "../app/context.ts";
import { signerOf } from "../signing/signer.ts";

/**
 * Takes checkpoints of the audit trail: every so often by itself, and when asked. Heads are read before the change is opened, since
 * there may be a hundred thousand; each is right for its chain, and a checkpoint says no more than that. It refuses to sign a
 * trail that no longer has what the checkpoint before has signed: a rewritten past must not get a fresh signature.
 */
export interface Taken {
  readonly statement: AuditCheckpointStatement;
  readonly heads: readonly string[];
}

type Changing = <T>(work: (change: Change) => Promise<T>) => Promise<T>;

/** Undefined when nothing has happened since the last one and `always` is not asked for. */
export async function takeCheckpoint(
  service: Pick<ServiceContext, "registry" | "settings" | "metrics" | "log">,
  changing: Changing,
  { always, reason }: { readonly always: boolean; readonly reason?: string | undefined },
): Promise<AuditCheckpoint | undefined> {
  const looked = await service.registry.read((db) => look(db));
  if (looked.broken !== undefined) throw broken(service, looked.broken);
  if (!always && !looked.moved) return undefined;
  const { heads, previous } = looked;
  const { root } = merkleTree(heads.map(headText));
  const signer = signerOf(service.settings);
  return changing(async (change) => {
    await change.lock("audit-checkpoints");
    const now = await checkpointLatest(change.db);
    if (now?.statement.number !== previous?.number) throw overtaken();
    const fleet = heads.find(({ chain }) => chain === FLEET_CHAIN);
    const statement: AuditCheckpointStatement = {
      ...{ formatVersion: 1, kind: "audit_checkpoint", number: (previous?.number ?? 0) + 1 },
      createdAt: change.now,
      previous:
        previous === undefined ? null : { number: previous.number, digest: checkpointDigest(previous) },
      chains: heads.length,
      events: heads.reduce((sum, { sequence }) => sum + sequence, 0),
      fleetHead: fleet === undefined ? null : { sequence: fleet.sequence, hash: fleet.hash },
      root,
    };
    const { keyId, publicKey } = signer;
    const signature = signer.sign(statementText(statement));
    const kept = { publicKey, heads: heads.map(headText), reason };
    await checkpointKeep(change, { statement, keyId, signature }, kept);
    return checkpointGet(change.db, statement.number);
  });
}

interface Looked {
  readonly heads: readonly Head[];
  readonly previous: AuditCheckpointStatement | undefined;
  readonly moved: boolean;
  /** What the last checkpoint has signed and is not there any more. */
  readonly broken: Head | undefined;
}

async function look(db: Reader): Promise<Looked> {
  const previous = (await checkpointLatest(db))?.statement;
  const heads: Head[] = [];
  for await (const page of headsOf(db)) heads.push(...page);
  const before = previous === undefined ? [] : await headsBefore(db, previous);
  const now = new Map(heads.map((head) => [head.chain, head]));
  const changed = before.filter((head) => now.get(head.chain)?.hash !== head.hash);
  // The checkpoint's own event follows it.
  const own = (head: Head) =>
    head.chain === FLEET_CHAIN && now.get(FLEET_CHAIN)?.sequence === head.sequence + 1;
  const moved = heads.length !== before.length || !changed.every(own);
  return { heads, previous, moved, broken: await firstMissing(db, changed) };
}

async function headsBefore(db: Reader, statement: AuditCheckpointStatement): Promise<Head[]> {
  const texts = await checkpointHeads(db, statement.number);
  if (texts === undefined || merkleTree(texts).root !== statement.root) {
    const { fleetHead } = statement;
    return fleetHead === null ? [] : [{ chain: FLEET_CHAIN, ...fleetHead }];
  }
  return texts.flatMap((text) => headOf(text) ?? []);
}

/** Of the heads that have moved on: the first whose event is not what it was, and has not outlived its retention either. */
async function firstMissing(db: Reader, heads: readonly Head[]): Promise<Head | undefined> {
  for await (const [head, hash] of hashesNow(db, heads)) {
    if (hash === head.hash) continue;
    const start = await db
      .selectFrom("auditStarts")
      .select("sequence")
      .where("chain", "=", head.chain)
      .executeTakeFirst();
    if (hash !== undefined || start === undefined || start.sequence < head.sequence) return head;
  }
  return undefined;
}

function broken({ metrics, log }: Pick<ServiceContext, "metrics" | "log">, { chain, sequence }: Head) {
  metrics.auditBroken.set(1);
  log.error({ chain, sequence }, "the audit trail is not what the last checkpoint has signed");
  return new ProblemError("audit_broken", {
    detail: `Cannot sign the audit trail: event ${sequence} of chain ${chain} must be what the last checkpoint has signed.`,
    hint: "Verify with GET /v1/control-plane/audit/verification, and against the checkpoints kept outside; see docs/audit.md.",
  });
}

function overtaken(): ProblemError {
  return new ProblemError("busy", {
    detail: "Cannot take a checkpoint: another has been taken at the same moment.",
    hint: "That one is as good.",
  });
}
