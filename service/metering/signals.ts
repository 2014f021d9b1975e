import { randomUUID } from "node:crypto";
import { usageSignalsUntold, usageSignalTell } from "../../registry/usageSignal.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";

type Parts = Pick<ServiceContext, "registry" | "log">;

/**
 * Tells of thresholds that were reached and not told yet. Called after the batch that reached one, and every so often for those
 * whose service died in between; two at once tell each of them once.
 */
export async function tellSignals({ registry, log }: Parts): Promise<void> {
  try {
    const untold = await registry.read((db) => usageSignalsUntold(db, limits.usageSignalsAtOnce));
    for (const signal of untold) {
      const requestId = randomUUID();
      const cause = controllerFor({ requestId, correlationId: requestId });
      const { tenantId } = signal;
      await registry.change(cause, (change) => usageSignalTell(change, signal), { tenantId });
    }
  } catch (thrown) {
    log.warn({ err: thrown }, "cannot tell of a quota's threshold; it is tried again");
  }
}
