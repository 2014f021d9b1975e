import pLimit from "p-limit";
import type { DriftScan } from "../../contract/drift.ts";
import type { Target } from "../../contract/target.ts";
import { driftFindingsReport, type SeenDrift } from "../../registry/driftFinding.ts";
import {
  type DriftScanTargetResult,
  driftScanFinish,
  driftScanStart,
  driftScansUnfinished,
  driftScanTargetSet,
  driftScanTargetsLeft,
} from "../../registry/driftScan.ts";
import type { Change } from "../../registry/registry.ts";
import { targetFind } from "../../registry/target.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { breakerAdmit, breakersCount } from "../breaker/breakers.ts";
import { doAlone } from "../jobs.ts";
import { describeFailure } from "../operations/failure.ts";
import { holderOfStack, holdStack, type StackHold } from "../operations/stackLocks.ts";
import { createWaker } from "../waker.ts";
import { settleCauses } from "./keeper.ts";
import { lookAtTarget } from "./look.ts";

/**
 * Works off drift scans, oldest first, a bounded number of targets at once. It changes nothing in the cloud. It never looks at a stack on
 * which an operation runs, because what it saw would be neither before nor after, and leaves a plane alone whose circuit
 * breaker is open: such a target is looked at once more when the others are done, and is then skipped, with what is in the way.
 * One process at a time works on scans; what the end of one cuts off, it or another goes on with.
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
  const left = () => service.registry.read((db) => driftScanTargetsLeft(db, scan.scanId));
  await lookAtAll(
    service,
    scan,
    (await left()).filter(({ looks }) => looks === 0),
    signal,
  );
  // What was in the way may have passed by now; what still is, is said.
  await lookAtAll(service, scan, await left(), signal);
  if (signal.aborted) return;
  await giveUp(service, scan, await left());
  await settleCauses(service);
  const finished = await service.registry.change(cause(scan), (change) =>
    driftScanFinish(change, scan.scanId),
  );
  const { status, startedAt, finishedAt } = finished;
  if (startedAt === null || finishedAt === null) return;
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;
  service.metrics.driftScanSeconds.observe({ status }, seconds);
}

/** Nothing of a scan that has ended waits or runs, whatever was in the way twice. */
async function giveUp(
  { registry }: ServiceContext,
  { scanId }: DriftScan,
  targets: readonly { readonly targetId: string }[],
): Promise<void> {
  const error = "its stack was taken from the scan twice while it looked";
  for (const { targetId } of targets) {
    await registry.record((record) =>
      driftScanTargetSet(record, scanId, targetId, { status: "failed", error }),
    );
  }
}

async function lookAtAll(
  service: ServiceContext,
  scan: DriftScan,
  targets: readonly { readonly targetId: string; readonly looks: number }[],
  signal: AbortSignal,
): Promise<void> {
  const limit = pLimit(service.settings.scanConcurrency);
  // All of them end before a failure is passed on: the next pass must not meet the stacks this one still looks at.
  const ends = await Promise.allSettled(
    targets.map((target) =>
      limit(async () => {
        if (!signal.aborted) await lookAtOne(service, scan, target, signal);
      }),
    ),
  );
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

type Set = (result: DriftScanTargetResult) => Promise<void>;

async function lookAtOne(
  service: ServiceContext,
  scan: DriftScan,
  { targetId, looks }: { readonly targetId: string; readonly looks: number },
  signal: AbortSignal,
): Promise<void> {
  const set: Set = (result) =>
    service.registry.record((record) => driftScanTargetSet(record, scan.scanId, targetId, result));
  const inTheWay = (error: string) =>
    set(looks === 0 ? { status: "pending", error, deferred: true } : { status: "skipped", error });
  const hold = await holdStack(service, targetId, holderName(scan, targetId));
  if (hold === undefined) {
    const holder = (await holderOfStack(service, targetId)) ?? "it has just ended";
    return inTheWay(`an operation is under way on this stack (${holder})`);
  }
  try {
    const target = await service.registry.read((db) => targetFind(db, targetId));
    if (target === undefined || target.deletedAt !== null) {
      return await set({ status: "skipped", error: "the target is gone" });
    }
    if (!(await isAdmitted(service, scan, target))) {
      return await inTheWay(`the circuit breaker of ${target.planeName} or its region is open`);
    }
    await set({ status: "running" });
    await lookHeld(service, scan, target, hold, signal, set);
  } finally {
    await hold.release();
  }
}

async function lookHeld(
  service: ServiceContext,
  scan: DriftScan,
  target: Target,
  hold: StackHold,
  signal: AbortSignal,
  set: Set,
): Promise<void> {
  const { targetId } = target;
  const run = AbortSignal.any([signal, hold.signal]);
  const hooks = { runId: `${scan.scanId}-${targetId}`, signal: run, lease: hold.lease };
  try {
    // What a killed service began may still look at the stack, and writes into the same folder.
    await service.engine.settle(target, hooks.runId);
    const seen = await lookAtTarget(service, target, hooks);
    await report(service, scan, target, seen);
  } catch (thrown) {
    if (signal.aborted || hold.signal.aborted) return;
    const failure = describeFailure(thrown);
    if (failure.code === "internal")
      service.log.error({ err: thrown, targetId }, "a drift scan failed unforeseen");
    await set({ status: "failed", error: failure.message });
    await tellBreakers(service, scan, target, failure);
  }
}

async function report(
  service: ServiceContext,
  scan: DriftScan,
  target: Target,
  seen: readonly SeenDrift[],
): Promise<void> {
  const { targetId, tenantId } = target;
  const work = async (change: Change) => {
    const { counts } = await driftFindingsReport(change, target, scan.scanId, seen);
    const status = counts.findings === 0 ? "clean" : "drifted";
    await driftScanTargetSet(change, scan.scanId, targetId, { status, ...counts });
    await breakersCount(change, service, { ...endOf(scan, target), failure: undefined });
  };
  await service.registry.change(cause(scan), work, { tenantId });
}

function isAdmitted(service: ServiceContext, scan: DriftScan, target: Target): Promise<boolean> {
  const { registry, settings } = service;
  return registry.record((record) =>
    breakerAdmit(record, settings, holderName(scan, target.targetId), target),
  );
}

async function tellBreakers(
  service: ServiceContext,
  scan: DriftScan,
  target: Target,
  failure: { readonly code: string; readonly message: string },
): Promise<void> {
  const work = (change: Change) => breakersCount(change, service, { ...endOf(scan, target), failure });
  await service.registry.change(cause(scan), work, { tenantId: target.tenantId });
}

function endOf(scan: DriftScan, target: Target) {
  return { holder: holderName(scan, target.targetId), place: target, tells: true };
}

function holderName(scan: DriftScan, targetId: string): string {
  return `scan ${scan.scanId} ${targetId}`;
}

function cause(scan: DriftScan) {
  return controllerFor({ requestId: scan.requestId, correlationId: scan.requestId });
}
