import { fleetAxes } from "../../registry/driftStats.ts";
import type { ServiceContext } from "../app/context.ts";

/** Brings health, version and drift of the fleet up to now, for whoever reads /metrics; without the registry they stay as they were. */
export async function observeAxes({
  registry,
  metrics,
  log,
}: Pick<ServiceContext, "registry" | "metrics" | "log">): Promise<void> {
  try {
    const { health, version, drift, causesOpen, oldestDriftAt } = await registry.read(fleetAxes);
    metrics.targetHealth.reset();
    for (const [state, count] of Object.entries(health)) metrics.targetHealth.set({ health: state }, count);
    metrics.targetVersion.reset();
    for (const [state, count] of Object.entries(version))
      metrics.targetVersion.set({ version: state }, count);
    metrics.targetDrift.reset();
    for (const [state, count] of Object.entries(drift)) metrics.targetDrift.set({ drift: state }, count);
    metrics.driftCausesOpen.set(causesOpen);
    const ageMs = oldestDriftAt === undefined ? 0 : Date.now() - Date.parse(oldestDriftAt);
    metrics.driftOldestSeconds.set(Math.max(0, ageMs) / 1_000);
  } catch (thrown) {
    log.warn({ err: thrown }, "cannot read the fleet's axes for /metrics");
  }
}
