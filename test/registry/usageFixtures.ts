import { USAGE_LIMITS, type UsageEvent } from "../../contract/usage.ts";
import type { Registry } from "../../registry/registry.ts";
import {
  USAGE_SCOPE,
  type UsageBatch,
  type UsageIngestOptions,
  usageIngest,
} from "../../registry/usageIngest.ts";
import { usageTotalList } from "../../registry/usageRead.ts";
import { context } from "./fixtures.ts";

/** Usage for tests, counted as at 9:00 on 1 March 2026, where `settableClock` stands at first. */
export const HOUR_MS = 3_600_000;
const OPTIONS = {
  latenessMs: 48 * HOUR_MS,
  retentionMs: 400 * 24 * HOUR_MS,
  clockSkewMs: USAGE_LIMITS.clockSkewMs,
  overQuota: "count",
} as const;
export const AT = "2026-03-01T08:30:00.000Z";

export function send(
  registry: Registry,
  events: readonly UsageEvent[],
  options: Partial<UsageIngestOptions> = {},
) {
  return registry.change(
    context,
    (change) => usageIngest(change, events, { ...OPTIONS, ...options }),
    USAGE_SCOPE,
  );
}

export function eventsFor(tenantId: string) {
  let count = 0;
  return (more: Partial<UsageEvent> = {}): UsageEvent => {
    count += 1;
    const usual = { eventId: `e-${count}`, tenantId, meter: "llm_tokens", quantity: 10 };
    return { ...usual, ...(more.corrects === undefined && { occurredAt: AT }), ...more };
  };
}

export const reasons = (batch: UsageBatch) =>
  batch.verdicts.map((verdict) => (verdict.status === "rejected" ? verdict.reason : verdict.status));

export async function totalsOf(
  registry: Registry,
  tenantId: string,
  window: "hour" | "day" | "month" = "day",
) {
  const { items } = await registry.read((db) => usageTotalList(db, { tenantId, window, limit: 200 }));
  return items;
}
