import pLimit from "p-limit";
import type { DriftScan, DriftScanTarget } from "../../contract/drift.ts";
import { driftFindingsReport, type SeenDrift } from "../../registry/driftFinding.ts";
import {
  driftScanDetail,
  driftScanFinish,
  driftScanStart,
  driftScansUnfinished,
  driftScanTargetSet,
} from "../../registry/driftScan.ts";
import type { Change } from "../../registry/registry.ts";
import { targetFind } from "../../registry/target.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config.ts";
import type { DriftFinding } from "../engine/engine.ts";
import { doAlone } from "../jobs.ts";
import { describeFailure } from "../operations/failure.ts";
import { holderOfStack, holdStack } from "../operations/stackLocks.ts";
import { createWaker } from "../waker.ts";

/**
 * Works off drift scans, oldest first, a bounded number of targets at once. It changes nothing in the cloud. It never looks at a stack on
 * which an operation runs, because what it saw would be neither before nor after: such a target is skipped, with the
 * operation's id. One process at a time works on scans; what the end of one cuts off, it or another goes on with.
 */
export interface Scanner {
  wake(): void;
  stop(): Promise<void>;
}

export function createScanner(service: ServiceContext): Scanner {
  const stopping = new AbortController();
  const waker = createWaker(service, "scans", async () => {
    if ((await service.registry.read(driftScansUnfinished)).length === 0) return;
    await doAlone(service, "drift-scans", async (lost) => {
      const signal = AbortSignal.any([stopping.signal, lost]);
      for (const scan of await service.registry.read(driftScansUnfinished)) {
        if (signal.aborted) return;
        await runScan(service, scan, signal);
      }
    });
  });
  return {
    wake: waker.wake,
    stop() {
      stopping.abort("shutdown");
      return waker.stop();
    },
  };
}

async function runScan(service: ServiceContext, scan: DriftScan, signal: AbortSignal): Promise<void> {
  await service.registry.record((record) => driftScanStart(record, scan.scanId));
  const { targets } = await service.registry.read((db) => driftScanDetail(db, scan.scanId));
  const left = targets.filter(({ status }) => status === "pending" || status === "running");
  const limit = pLimit(limits.scanConcurrency);
  // All of them end before a failure is passed on: the next pass must not meet the stacks this one still looks at.
  const ends = await Promise.allSettled(
    left.map(({ targetId }) =>
      limit(async () => {
        if (!signal.aborted) await scanTarget(service, scan, targetId, signal);
      }),
    ),
  );
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  if (signal.aborted) return;
  await service.registry.change(cause(scan), (change) => driftScanFinish(change, scan.scanId));
}

async function scanTarget(
  service: ServiceContext,
  scan: DriftScan,
  targetId: string,
  signal: AbortSignal,
): Promise<void> {
  const set = (result: Pick<DriftScanTarget, "status"> & { error?: string }) =>
    service.registry.record((record) => driftScanTargetSet(record, scan.scanId, targetId, result));
  const hold = await holdStack(service, targetId, `scan ${scan.scanId}`);
  if (hold === undefined) {
    const error = `an operation is under way on this stack (${await holderOfStack(service, targetId)})`;
    return void (await set({ status: "skipped", error }));
  }
  try {
    const target = await service.registry.read((db) => targetFind(db, targetId));
    if (target === undefined || target.deletedAt !== null) {
      return void (await set({ status: "skipped", error: "the target is gone" }));
    }
    await set({ status: "running" });
    const run = AbortSignal.any([signal, hold.signal]);
    const hooks = { runId: `${scan.scanId}-${targetId}`, signal: run, lease: hold.lease };
    // What a killed service began may still look at the stack, and writes into the same folder.
    await service.engine.settle(target, hooks.runId);
    const { findings } = await service.engine.drift(target, hooks);
    const report = async (change: Change) => {
      await driftFindingsReport(change, target, scan.scanId, findings.map(asSeen));
      const status = findings.length === 0 ? ("clean" as const) : ("drifted" as const);
      await driftScanTargetSet(change, scan.scanId, targetId, { status, findings: findings.length });
    };
    await service.registry.change(cause(scan), report, { tenantId: target.tenantId });
  } catch (thrown) {
    if (signal.aborted || hold.signal.aborted) return;
    const failure = describeFailure(thrown);
    if (failure.code === "internal")
      service.log.error({ err: thrown, targetId }, "a drift scan failed unforeseen");
    await set({ status: "failed", error: failure.message });
  } finally {
    await hold.release();
  }
}

function asSeen(finding: DriftFinding): SeenDrift {
  const properties = finding.properties.map(({ path, recorded, actual }) => ({
    path,
    recorded: recorded ?? null,
    actual: actual ?? null,
  }));
  return { ...finding, properties };
}

function cause(scan: DriftScan) {
  return controllerFor({ requestId: scan.requestId, correlationId: scan.requestId });
}
