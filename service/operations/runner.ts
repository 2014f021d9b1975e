import {
  CLAIM_LOCK,
  operationClaimNext,
  operationsHeldByOthers,
  operationsToCancel,
} from "../../registry/operationLease.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { monotonicMs } from "../engine/monotonic.ts";
import { outsideScope, type ScopeFacts, withinScope } from "../tracing/scope.ts";
import { createAdmission, freeMemoryBytes } from "./admission.ts";
import { executeOperation, type HeldOperation } from "./execute.ts";
import { createLeaseWatch } from "./leaseWatch.ts";
import { placeOf } from "./place.ts";
import { pause } from "./retry.ts";
import { createRoom } from "./room.ts";
import { createOperationStop, type OperationStop } from "./stop.ts";

/**
 * Runs queued operations: at most `concurrency` at once in this process, as far as its memory and its pace go (room.ts). It takes no orders: a nudge or a
 * timer wakes it (dispatch/), it claims what is due next in the registry (operationLease.ts: turns, bounds, stacks) and runs
 * it (execute.ts). Any number of processes do this side by side.
 *
 * It promises that after any end of any of them every operation is taken up again or ends with a reason, and that what one
 * operation does wrong stays its own. It takes nothing from a process that may still live.
 */
export interface Runner {
  /** How many more operations fit in here. */
  free(): number;
  /** Claims at most so many, as many as fit when nothing is said. */
  wake(most?: number): void;
  /** Stops an operation that runs here; it ends as cancelled. */
  cancel(operationId: string): void;
  /** Takes nothing new, waits, then interrupts; what is interrupted is resumed by another process or the next. */
  stop(graceMs: number): Promise<void>;
}

interface Active {
  readonly stop: OperationStop;
  readonly done: Promise<void>;
}

export function createRunner(service: ServiceContext): Runner {
  const { settings, registry, log, metrics } = service;
  const { leaseMs, killTimeMs } = settings;
  const active = new Map<string, Active>();
  const rests = createRests();
  const room = createRoom({ most: settings.concurrency, togetherMs: leaseMs, nowMs: monotonicMs });
  const others = createOthers(service);
  const admission = createAdmission({
    operationBytes: settings.operationMemoryMb * 1024 * 1024,
    freeBytes: freeMemoryBytes,
    nowMs: monotonicMs,
  });
  let stopping = false;
  let filling = false;
  let wanted = 0;
  let again = false;

  async function fill(): Promise<void> {
    for (; wanted > 0 && !stopping && active.size < room.size; wanted -= 1) {
      if (service.storage.problem() !== undefined || !service.process.mayWork()) break;
      if (!admission.admits(active.size)) break;
      const claimed = await claimNext();
      if (claimed === undefined) break;
      run(claimed);
    }
    // A wake in the meantime wants what this pass did not see.
    if (!again) wanted = 0;
  }

  async function claimNext(): Promise<HeldOperation | undefined> {
    const { dead, silent } = await others.look();
    const claim = {
      ...{ processId: service.process.processId, leaseMs, killTimeMs, dead, silent },
      active: [...active.keys(), ...rests.resting()],
      perPlane: settings.planeConcurrency,
      perTenant: settings.tenantConcurrency,
    };
    const sinceMs = monotonicMs();
    const claimed = await registry.record((record) => operationClaimNext(record, claim), CLAIM_LOCK);
    return claimed && { ...claimed, sinceMs };
  }

  function run(claimed: HeldOperation): void {
    const { operationId } = claimed.operation;
    const stop = createOperationStop();
    admission.began();
    const done = withinScope(factsOf(claimed), () => execute(claimed, stop)).finally(() => {
      active.delete(operationId);
      metrics.operationsRunning.set(active.size);
      // The place it leaves in the bounds of plane and tenant is this process's to fill: it has room.
      outsideScope(() => wake(1));
    });
    active.set(operationId, { stop, done });
    metrics.operationsRunning.set(active.size);
    if (stopping) stop.abort("shutdown");
  }

  /** Never rejects: an operation whose end cannot be written stays ours and is taken up again after a rest. */
  async function execute(claimed: HeldOperation, stop: OperationStop): Promise<void> {
    const { operationId } = claimed.operation;
    let isWritten = true;
    await executeOperation(service, claimed, stop).catch((thrown: unknown) => {
      isWritten = false;
      log.error({ err: thrown }, "the operation's end could not be written");
    });
    if (stop.undoing.reason === "lease_lost") lost();
    else if (isWritten) room.grow();
    if (isWritten) rests.forget(operationId);
    else rests.rest(operationId);
  }

  function lost(): void {
    metrics.leasesLost.inc();
    room.shrink();
    log.warn(
      { operationsAtOnce: room.size },
      "an operation's lease was lost: it could not be renewed in time",
    );
  }

  function wake(most = settings.concurrency): void {
    wanted = Math.min(wanted + most, settings.concurrency);
    again = true;
    if (filling || stopping) return;
    filling = true;
    void (async () => {
      while (again && !stopping) {
        again = false;
        await fill().catch((thrown: unknown) => log.error({ err: thrown }, "cannot claim operations"));
      }
      filling = false;
    })();
  }

  /** Whoever cancels may do so at another process, whose nudge may be lost. */
  async function lookForCancels(): Promise<void> {
    const wanted = await registry.read((db) => operationsToCancel(db, [...active.keys()]));
    for (const operationId of wanted) active.get(operationId)?.stop.abort("cancel");
  }

  const cancelTimer = setInterval(() => {
    if (active.size === 0) return;
    lookForCancels().catch((thrown: unknown) => log.warn({ err: thrown }, "cannot look for cancellations"));
  }, limits.cancelLookEveryMs);
  const stopListening = service.nudges.on("cancels", () => void lookForCancels().catch(() => undefined));

  return {
    free: () => Math.max(0, room.size - active.size),
    wake,
    cancel: (operationId) => active.get(operationId)?.stop.abort("cancel"),
    async stop(graceMs) {
      stopping = true;
      clearInterval(cancelTimer);
      stopListening();
      const ended = () => Promise.all([...active.values()].map(({ done }) => done));
      await Promise.race([ended(), pause(graceMs)]);
      for (const { stop } of active.values()) stop.abort("shutdown");
      await ended();
    },
  };
}

/** For the log lines and spans of the operation's run. */
function factsOf({ operation }: HeldOperation): ScopeFacts {
  const { operationId, kind, tenantId, targetId, planeName, rolloutId, requestId, correlationId } = operation;
  return {
    ...{ requestId, correlationId, operationId, kind, environment: placeOf(planeName).environment },
    ...(tenantId !== null && { tenantId }),
    ...(targetId !== null && { targetId }),
    ...(planeName !== null && { planeName }),
    ...(rolloutId !== null && { rolloutId }),
  };
}

/** What is known of the processes that hold operations, looked up now and then. */
function createOthers({ registry, process, settings }: ServiceContext) {
  const { leaseMs, killTimeMs } = settings;
  const watch = createLeaseWatch(leaseMs + killTimeMs, monotonicMs);
  let known = { dead: [] as readonly string[], silent: [] as readonly string[] };
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  return {
    async look() {
      if (monotonicMs() - lookedAtMs < limits.othersLookEveryMs) return known;
      const held = await registry.read((db) => operationsHeldByOthers(db, process.processId));
      known = { dead: await process.gone(), silent: watch.look(held) };
      lookedAtMs = monotonicMs();
      return known;
    },
  };
}

/** Operations that could not even be ended rest for longer each time, so that a fault of ours does not spin. */
function createRests() {
  const resting = new Map<string, { untilMs: number; restMs: number }>();
  return {
    rest(operationId: string): void {
      const restMs = Math.min(2 * (resting.get(operationId)?.restMs ?? limits.restMs / 2), limits.restMaxMs);
      resting.set(operationId, { untilMs: monotonicMs() + restMs, restMs });
    },
    forget: (operationId: string) => resting.delete(operationId),
    resting: () =>
      [...resting].filter(([, { untilMs }]) => untilMs > monotonicMs()).map(([operationId]) => operationId),
  };
}
