import { fleetFigures, unwellTargets } from "../registry/fleetFigures.ts";
import { outboxBacklog } from "../registry/outbox.ts";
import { observeBreakers } from "./app/breaker.ts";
import type { ServiceContext } from "./app/context.ts";
import { observeQueue } from "./app/health.ts";
import { observeRouting } from "./app/routing.ts";
import { limits } from "./config/limits.ts";
import { monotonicMs } from "./engine/monotonic.ts";

/**
 * Brings what is read from the registry up to now, for whoever reads /metrics. Two questions count the fleet, so after an
 * answer it rests a multiple of the time that it took: many who scrape a large fleet often cost it no more than a
 * few percent of a core. Without the registry the figures stay as they were.
 */
export function createFigures(): (context: ServiceContext) => Promise<void> {
  let freshUntilMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;

  async function observe(context: ServiceContext): Promise<void> {
    const startedMs = monotonicMs();
    await observeQueue(context);
    await observeBreakers(context);
    await observeRouting(context);
    for (const [what, look] of Object.entries(looks)) {
      await look(context).catch((thrown: unknown) =>
        context.log.warn({ err: thrown }, `cannot read ${what} for /metrics`),
      );
    }
    const endedMs = monotonicMs();
    freshUntilMs = endedMs + (endedMs - startedMs) * limits.figuresRest;
  }

  return async (context) => {
    if (monotonicMs() < freshUntilMs) return;
    underWay ??= observe(context).finally(() => {
      underWay = undefined;
    });
    await underWay;
  };
}

const looks = {
  "the fleet's axes": observeFleetFigures,
  "unwell targets": observeUnwell,
  "the outbox": observeOutbox,
};

async function observeFleetFigures({ registry, metrics }: ServiceContext): Promise<void> {
  const { targets, tenants, causesOpen, oldestDriftAt } = await registry.read(fleetFigures);
  const { targetHealth, targetVersion, targetDrift, targetState } = metrics;
  for (const gauge of [targetHealth, targetVersion, targetDrift, targetState, metrics.tenantsByStatus])
    gauge.reset();
  for (const { environment, region, health, version, drift, state, count } of targets) {
    const place = { environment, region };
    targetHealth.inc({ ...place, health }, count);
    targetVersion.inc({ ...place, version }, count);
    targetDrift.inc({ ...place, drift }, count);
    targetState.inc({ ...place, state }, count);
  }
  for (const { status, count } of tenants) metrics.tenantsByStatus.set({ status }, count);
  metrics.driftCausesOpen.set(causesOpen);
  metrics.driftOldestSeconds.set(secondsSince(oldestDriftAt));
}

async function observeUnwell({ registry, metrics, settings }: ServiceContext): Promise<void> {
  const unwell = await registry.read((db) => unwellTargets(db, settings.tenantSeries));
  metrics.tenantUnwell.reset();
  for (const { tenantId, environment, region, what } of unwell) {
    metrics.tenantUnwell.inc({ tenant: tenantId, environment, region, what });
  }
}

async function observeOutbox({ registry, metrics }: ServiceContext): Promise<void> {
  const { pending, oldestAt, isTaken } = await registry.read((db) => outboxBacklog(db, limits.outboxCounted));
  metrics.outboxPending.set(pending);
  metrics.outboxOldestSeconds.set(isTaken ? secondsSince(oldestAt) : 0);
}

function secondsSince(at: string | undefined): number {
  return at === undefined ? 0 : Math.max(0, Date.now() - Date.parse(at)) / 1_000;
}
