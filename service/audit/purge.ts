import type { AuditStartStatement } from "../../contract/auditCheckpoint.ts";
import type { ChangeContext } from "../../registry/audit.ts";
import { FLEET_CHAIN } from "../../registry/auditChain.ts";
import { headOf, statementText } from "../../registry/auditCheckpoint.ts";
import { checkpointHeads, checkpointLatest } from "../../registry/auditCheckpointStore.ts";
import { chainsOutlived, outlivedOf } from "../../registry/auditOutlived.ts";
import { auditChainCut } from "../../registry/auditStart.ts";
import type { Change } from "../../registry/registry.ts";
import { tenantFind } from "../../registry/tenant.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { signerOf } from "../signing/signer.ts";

/**
 * Removes audit events whose retention is over, from the beginnings of their chains. It takes only what the newest checkpoint has
 * signed, verifies it before it goes, leaves each chain its last event, and signs where the rest begins, so that the rest can be
 * verified as before. A tenant with a legal hold keeps everything. Answers how many events went.
 */
type Purging = Pick<ServiceContext, "registry" | "settings" | "metrics" | "log">;

export async function purgeAudit(service: Purging, cause: ChangeContext, keepDays: number): Promise<number> {
  const cutoff = new Date(Date.now() - keepDays * 86_400_000).toISOString();
  return purgeAuditBefore(service, cause, { cutoff, keepDays });
}

export async function purgeAuditBefore(
  service: Purging,
  cause: ChangeContext,
  { cutoff, keepDays }: { readonly cutoff: string; readonly keepDays: number },
): Promise<number> {
  const { registry } = service;
  const chains = await registry.read((db) => chainsOutlived(db, cutoff, limits.auditChainsPurgedAtOnce));
  if (chains.length === 0) return 0;
  const signed = await signedHeads(service);
  if (signed === undefined) return 0;
  let events = 0;
  for (const chain of chains) {
    const signedTo = signed.heads.get(chain) ?? 0;
    const scope = chain === FLEET_CHAIN ? undefined : { tenantId: chain };
    const cut = (change: Change) =>
      cutChain(service, change, chain, { cutoff, keepDays, signedTo, checkpoint: signed.checkpoint });
    // A change that has nothing to remove writes nothing.
    events += await registry.change(cause, cut, scope);
  }
  return events;
}

async function signedHeads({ registry }: Purging) {
  return registry.read(async (db) => {
    const latest = await checkpointLatest(db);
    if (latest === undefined) return undefined;
    const { number } = latest.statement;
    const heads = (await checkpointHeads(db, number)) ?? [];
    const known = heads.flatMap((text) => headOf(text) ?? []);
    return { checkpoint: number, heads: new Map(known.map(({ chain, sequence }) => [chain, sequence])) };
  });
}

interface Cutting {
  readonly cutoff: string;
  readonly keepDays: number;
  readonly signedTo: number;
  readonly checkpoint: number;
}

async function cutChain(
  { settings, metrics, log }: Purging,
  change: Change,
  chain: string,
  { cutoff, keepDays, signedTo, checkpoint }: Cutting,
): Promise<number> {
  const tenant = chain === FLEET_CHAIN ? undefined : await tenantFind(change.db, chain);
  if (tenant?.legalHold != null) return 0;
  const bounds = { cutoff, signedTo, limit: limits.auditEventsPurgedAtOnce };
  const { last, broken } = await outlivedOf(change.db, chain, bounds);
  if (broken !== undefined) {
    metrics.auditBroken.set(1);
    log.error({ ...broken }, "the audit trail is broken: what would go stays");
    return 0;
  }
  if (last === undefined) return 0;
  const signer = signerOf(settings);
  const statement: AuditStartStatement = {
    ...{ formatVersion: 1, kind: "audit_start", chain, sequence: last.sequence, hash: last.hash },
    ...{ keepDays, checkpoint, createdAt: change.now },
  };
  const { keyId, publicKey } = signer;
  const signature = signer.sign(statementText(statement));
  const { events } = await auditChainCut(change, { statement, keyId, signature }, publicKey);
  return events;
}
