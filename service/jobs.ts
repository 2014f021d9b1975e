import type { Bookkeeping } from "../registry/bookkeeping.ts";
import { jobLeaseHold, jobLeaseRelease, jobLeaseRenew, jobLeaseTake } from "../registry/jobLease.ts";
import type { ServiceContext } from "./app/context.ts";
import { keepLease } from "./operations/lease.ts";

class JobLost extends Error {}

/** Whether the job is still this process's, until the transaction ends that it is asked in. */
export type HoldsJob = (record: Bookkeeping) => Promise<boolean>;

/**
 * Does a job of the whole service unless another process is at it; false when one is. The signal is aborted when the job may have
 * gone to another process, such as when the database has been away for too long.
 *
 * With `keepMs` the job stays this process's for so long after its end, unless it stops: for what is done every so often
 * by whoever did it last, and not as often as there are processes.
 */
export async function doAlone(
  service: ServiceContext,
  name: string,
  work: (signal: AbortSignal, holds: HoldsJob) => Promise<void>,
  { keepMs = 0 }: { readonly keepMs?: number } = {},
): Promise<boolean> {
  const { registry, log, process } = service;
  const { leaseMs, killTimeMs } = service.settings;
  const lost = new AbortController();
  if (process.alone) {
    await work(lost.signal, async () => true);
    return true;
  }
  if (!process.mayWork()) return false;
  const dead = await process.gone();
  const taken = await registry.record((record) =>
    jobLeaseTake(record, name, process.processId, leaseMs, { dead, killTimeMs }),
  );
  if (taken === undefined) return false;
  const lease = await keepLease({
    ...{ leaseMs, killTimeMs },
    async renew() {
      const ours = await registry.record((record) => jobLeaseRenew(record, name, taken.token, leaseMs));
      if (!ours) throw new JobLost(`Cannot go on with job ${name}: its lease must be ours.`);
    },
    isLost: (thrown) => thrown instanceof JobLost,
    onLost: () => lost.abort("lease_lost"),
    onError: (thrown) => log.warn({ err: thrown, job: name }, "cannot renew the lease on a job"),
  });
  try {
    await work(lost.signal, (record) => jobLeaseHold(record, name, taken.token));
  } finally {
    lease.stop();
    await registry.record(async (record) => {
      if (keepMs > 0) await jobLeaseRenew(record, name, taken.token, keepMs);
      else await jobLeaseRelease(record, name, taken.token);
    });
  }
  return true;
}
