import { randomUUID } from "node:crypto";
import { driftCausesSettle, driftCausesUnsettled } from "../../registry/driftCause.ts";
import { driftIgnoreEnd, driftIgnoresExpired } from "../../registry/driftIgnore.ts";
import { driftScansPurge } from "../../registry/driftScan.ts";
import { driftSchedulesDue } from "../../registry/driftSchedule.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { doAlone } from "../jobs.ts";
import { createWaker, type Waker } from "../waker.ts";
import { runSchedules } from "./schedules.ts";

/**
 * Keeps drift's books while scans come and go: starts what is scheduled, ends ignores whose time is over, and opens, counts and
 * resolves causes by what is open. A few queries a pass, whatever the fleet's size.
 */
export function createDriftKeeper(service: ServiceContext): Waker {
  return createWaker(service, "drift", async () => {
    if (!(await hasWork(service))) return;
    await doAlone(service, "drift-books", async () => {
      await runSchedules(service);
      await endIgnores(service);
      await settleCauses(service);
    });
  });
}

async function hasWork({ registry }: ServiceContext): Promise<boolean> {
  const now = new Date().toISOString();
  return registry.read(
    async (db) =>
      (await driftSchedulesDue(db, now, 1)).length > 0 ||
      (await driftIgnoresExpired(db, now, 1)).length > 0 ||
      (await driftCausesUnsettled(db)),
  );
}

async function endIgnores({ registry }: ServiceContext): Promise<void> {
  const now = new Date().toISOString();
  for (const ignoreId of await registry.read((db) =>
    driftIgnoresExpired(db, now, limits.driftIgnoresAtOnce),
  )) {
    await registry.change(ownCause(), (change) => driftIgnoreEnd(change, ignoreId, "expiry", null));
  }
}

/** A few at a time: each takes its targets' results with it. */
export async function purgeScans({ registry }: ServiceContext): Promise<void> {
  const endedBefore = new Date(Date.now() - limits.driftScanKeepMs).toISOString();
  const atOnce = limits.driftScansPurgedAtOnce;
  await registry.record((record) => driftScansPurge(record, endedBefore, atOnce));
}

/** Opens no transaction when there is nothing to write. */
export async function settleCauses({ registry }: ServiceContext): Promise<void> {
  if (!(await registry.read(driftCausesUnsettled))) return;
  await registry.change(ownCause(), driftCausesSettle);
}

function ownCause() {
  const id = randomUUID();
  return controllerFor({ requestId: id, correlationId: id });
}
