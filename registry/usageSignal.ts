import type { QuotaKey } from "../contract/quota.ts";
import { fromJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";

/**
 * Tells that a tenant has come to a threshold of a quota: once a window, as an event of the tenant's stream. What is to be told
 * was written down with the batch that reached it, so it is told even when the service dies in between.
 */
export interface UntoldSignal {
  readonly tenantId: string;
  readonly quota: QuotaKey;
  readonly windowStart: string;
  readonly threshold: number;
}

export async function usageSignalsUntold(db: Reader, limit: number): Promise<UntoldSignal[]> {
  return db
    .selectFrom("usageSignals")
    .select(["tenantId", "quota", "windowStart", "threshold"])
    .where("toldAt", "is", null)
    .orderBy("createdAt")
    .orderBy("tenantId")
    .limit(limit)
    .execute();
}

/** Audits `quota.threshold_reached`, or `quota.exceeded` of the last one, on the tenant's chain. The change must be about the tenant. */
export async function usageSignalTell(change: Change, signal: UntoldSignal): Promise<void> {
  const { tenantId, quota, windowStart, threshold } = signal;
  const row = await change.db
    .selectFrom("usageSignals")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .where("quota", "=", quota)
    .where("windowStart", "=", windowStart)
    .where("threshold", "=", threshold)
    .where("toldAt", "is", null)
    .executeTakeFirst();
  if (row === undefined) return;
  await change.db
    .updateTable("usageSignals")
    .set({ toldAt: change.now })
    .where("tenantId", "=", tenantId)
    .where("quota", "=", quota)
    .where("windowStart", "=", windowStart)
    .where("threshold", "=", threshold)
    .execute();
  const facts = { quota, threshold, windowStart, ...fromJson(row.facts) };
  const action = threshold >= 100 ? "quota.exceeded" : "quota.threshold_reached";
  await change.audit({ action, target: { type: "quota", id: quota }, tenantId, details: facts });
  await change.outbox({ type: action, tenantId, payload: { tenantId, ...facts } });
}
