import { randomUUID } from "node:crypto";
import { LIMITS } from "../../contract/common.ts";
import { anchorNote, checkpointGet, checkpointsToAnchor } from "../../registry/auditCheckpointStore.ts";
import { checkpointLines } from "../../registry/auditExport.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { AnchorConflict, type AnchorStore } from "./anchorStore.ts";

/**
 * Writes each checkpoint with its heads outside of the registry: whoever can rewrite the registry should not be able to
 * rewrite this. What could not be written is tried again with the next. Where something else lies under a checkpoint's name,
 * somebody has been there: it is left as the evidence it is, told as a security event, and the checkpoints after it go on.
 */
type Service = Pick<ServiceContext, "registry" | "log" | "metrics">;

const CONFLICT = "security.audit_anchor_conflict";

export async function anchorCheckpoints(service: Service, store: AnchorStore): Promise<void> {
  const { registry, log, metrics } = service;
  const waiting = await registry.read((db) => checkpointsToAnchor(db, store.place));
  for (const number of waiting) {
    const text = await anchorText(service, number);
    if (text === undefined) continue;
    try {
      await store.put(anchorName(number), text);
    } catch (thrown) {
      metrics.auditAnchorFailures.inc();
      log.error({ err: thrown, number, place: store.place }, "cannot write a checkpoint to its anchor");
      if (!(thrown instanceof AnchorConflict)) return;
      await noteConflict(service, number, store.place);
      continue;
    }
    await registry.record((record) => anchorNote(record, number, store.place));
  }
}

async function anchorText({ registry }: Service, number: number): Promise<string | undefined> {
  const lines = await registry.read(async (db) => {
    const { statement, keyId, signature } = await checkpointGet(db, number);
    return checkpointLines(db, { statement, keyId, signature });
  });
  return lines?.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Counted each time it is met, and on record once for each place: it is met again as long as the checkpoint's heads are kept. */
async function noteConflict({ registry, metrics }: Service, number: number, place: string): Promise<void> {
  metrics.securityEvents.inc({ kind: "audit_anchor_conflict" });
  const target = { type: "audit_checkpoint", id: String(number) };
  const requestId = randomUUID();
  await registry.change(controllerFor({ requestId, correlationId: requestId }), async (change) => {
    const told = { limit: LIMITS.pageItems, action: CONFLICT, targetId: target.id };
    const { items } = await auditEventList(change.db, told);
    if (items.some(({ details }) => details.place === place)) return;
    await change.audit({ action: CONFLICT, target, outcome: "failed", details: { number, place } });
    await change.outbox({ type: CONFLICT, payload: { number, place } });
  });
}

export function anchorName(number: number): string {
  return `audit-checkpoint-${String(number).padStart(9, "0")}.ndjson`;
}
