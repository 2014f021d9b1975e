import { randomUUID } from "node:crypto";
import { operationsPurge, outboxPurge, queueTurnsPurge } from "../registry/housekeeping.ts";
import { USAGE_SCOPE } from "../registry/usageIngest.ts";
import { usagePurge } from "../registry/usagePurge.ts";
import { controllerFor, type ServiceContext } from "./app/context.ts";
import { limits } from "./config.ts";

/**
 * Removes what has been kept for as long as it should be, in small transactions, so that nobody waits for it. What one pass
 * does not get to is left to the next.
 */
export async function housekeep({ registry, settings, metrics }: ServiceContext): Promise<void> {
  const limit = limits.purgeAtOnce;
  const requestId = randomUUID();
  const cause = controllerFor({ requestId, correlationId: requestId });
  const { operationRetentionDays, outboxRetentionDays } = settings;
  await inBatches(async () => {
    const { operations, journalEntries } = await registry.change(cause, (change) =>
      operationsPurge(change, { keepDays: operationRetentionDays, limit }),
    );
    metrics.purged.inc({ what: "operations" }, operations);
    metrics.purged.inc({ what: "journal" }, journalEntries);
    return operations;
  });
  await inBatches(async () => {
    const events = await registry.record((record) =>
      outboxPurge(record, { keepDays: outboxRetentionDays, limit }),
    );
    metrics.purged.inc({ what: "outbox" }, events);
    return events;
  });
  const { usageRetentionDays: eventDays, usageTotalRetentionDays: totalDays } = settings;
  await inBatches(async () => {
    const usage = await registry.change(
      cause,
      (change) => usagePurge(change, { eventDays, totalDays, limit: limits.usagePurgeAtOnce }),
      USAGE_SCOPE,
    );
    metrics.purged.inc({ what: "usage" }, usage);
    return usage;
  });
  metrics.purged.inc({ what: "queue" }, await registry.record(queueTurnsPurge));
}

async function inBatches(purge: () => Promise<number>): Promise<void> {
  for (let batch = 0; batch < limits.purgeBatches; batch += 1) {
    if ((await purge()) === 0) return;
  }
}
