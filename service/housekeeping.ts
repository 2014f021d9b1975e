import { randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { DataClass } from "../contract/retention.ts";
import { type DecisionPlace, decisionsPurge } from "../registry/decisionLog.ts";
import { operationsPurge, outboxPurge, queueTurnsPurge } from "../registry/housekeeping.ts";
import { USAGE_SCOPE } from "../registry/usageIngest.ts";
import { usagePurge } from "../registry/usagePurge.ts";
import { controllerFor, type ServiceContext } from "./app/context.ts";
import { purgeAudit } from "./audit/purge.ts";
import { keepDays } from "./audit/retention.ts";
import { limits } from "./config/limits.ts";

/**
 * Removes what has been kept for as long as it should be, in small transactions, so that nobody waits for it. What one pass
 * does not get to is left to the next.
 */
export async function housekeep(service: ServiceContext): Promise<void> {
  const { registry, settings, metrics } = service;
  const limit = limits.purgeAtOnce;
  const requestId = randomUUID();
  const cause = controllerFor({ requestId, correlationId: requestId });
  const kept = (dataClass: DataClass) => keepDays(service, dataClass);
  await inBatches(await kept("operations"), async (keepDays) => {
    const { operations, journalEntries } = await registry.change(cause, (change) =>
      operationsPurge(change, { keepDays, limit }),
    );
    metrics.purged.inc({ what: "operations" }, operations);
    metrics.purged.inc({ what: "journal" }, journalEntries);
    return operations;
  });
  await inBatches(await kept("outbox"), async (keepDays) => {
    const events = await registry.record((record) => outboxPurge(record, { keepDays, limit }));
    metrics.purged.inc({ what: "outbox" }, events);
    return events;
  });
  const { usageTotalRetentionDays: totalDays } = settings;
  const purgeUsage = async (eventDays: number) => {
    const usage = await registry.change(
      cause,
      (change) => usagePurge(change, { eventDays, totalDays, limit: limits.usagePurgeAtOnce }),
      USAGE_SCOPE,
    );
    metrics.purged.inc({ what: "usage" }, usage);
    return usage;
  };
  await inBatches(await kept("usage"), purgeUsage, limits.usagePurgeBatches);
  let after: DecisionPlace | undefined;
  const purgeDecisions = async (keepDays: number) => {
    const batch = { keepDays, limit: limits.decisionsPurgedAtOnce, after };
    const { purged, upTo } = await registry.record((record) => decisionsPurge(record, batch));
    after = upTo ?? after;
    metrics.purged.inc({ what: "decisions" }, purged);
    return purged;
  };
  await inBatches(await kept("decisions"), purgeDecisions, limits.decisionPurgeBatches);
  await inBatches(await kept("audit"), async (keepDays) => {
    const events = await purgeAudit(service, cause, keepDays);
    metrics.purged.inc({ what: "audit" }, events);
    return events;
  });
  metrics.purged.inc({ what: "queue" }, await registry.record(queueTurnsPurge));
}

/** Null: what is kept for ever. */
async function inBatches(
  days: number | null,
  purge: (days: number) => Promise<number>,
  most: number = limits.purgeBatches,
): Promise<void> {
  if (days === null) return;
  for (let batch = 0; batch < most; batch += 1) {
    if ((await purge(days)) === 0) return;
    // On SQLite nothing else would get its turn: its answers come at once.
    await setImmediate();
  }
}
