import pLimit from "p-limit";
import type { Operation } from "../../contract/operation.ts";
import {
  type ClaimedOperation,
  operationClaim,
  operationReleaseAll,
  operationsClaimable,
} from "../../registry/operationLease.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config.ts";
import { executeOperation } from "./execute.ts";
import { pause } from "./retry.ts";
import type { StackLocks } from "./stackLocks.ts";
import { createOperationStop, type OperationStop } from "./stop.ts";

/**
 * Runs queued operations: oldest first, at most `concurrency` at once, at most one on a stack. It takes no orders: a nudge or a timer
 * wakes it, it reads what is queued, claims what it can and runs it (execute.ts).
 *
 * It promises that after any end of the process every operation is taken up again or ends with a reason, and
 * that what one operation does wrong stays its own. It relies on being the only runner on its registry, which the
 * lock on the data folder gives; leases and fencing tokens are kept all the same, so that a mistake there shows.
 */
export interface Runner {
  wake(): void;
  /** Takes up what an earlier process left running; call it once, before the first wake. */
  resume(): Promise<void>;
  /** Stops an operation that runs here; it ends as cancelled. */
  cancel(operationId: string): void;
  /** Takes nothing new, waits, then interrupts; what is interrupted is resumed by the next process. */
  stop(graceMs: number): Promise<void>;
}

/** One registry has one service, so a constant names the owner, and a restart may give back what it held. */
const owner = "service";

interface Active {
  readonly stop: OperationStop;
  readonly done: Promise<void>;
}

export function createRunner(service: ServiceContext, locks: StackLocks): Runner {
  const slots = pLimit(service.settings.concurrency);
  const active = new Map<string, Active>();
  let stopping = false;
  let filling = false;
  let again = false;

  const isFree = ({ operationId, targetId }: Operation) =>
    !active.has(operationId) && (targetId === null || locks.holderOf(targetId) === undefined);

  async function fill(): Promise<void> {
    while (!stopping && slots.activeCount + slots.pendingCount < service.settings.concurrency) {
      const now = new Date().toISOString();
      const queued = await service.registry.read((db) => operationsClaimable(db, now, limits.candidates));
      service.metrics.operationsQueued.set(queued.length);
      const next = queued.find(isFree);
      if (next === undefined || !(await begin(next))) return;
    }
  }

  /** False when somebody else was faster; the timer or their nudge wakes us again. */
  async function begin(operation: Operation): Promise<boolean> {
    const { operationId, targetId } = operation;
    const release = targetId === null ? () => undefined : locks.take(targetId, operationId);
    if (release === undefined) return false;
    const claimed = await service.registry
      .record((record) => operationClaim(record, operationId, owner, limits.operationLeaseMs))
      .catch((thrown: unknown) => {
        release();
        throw thrown;
      });
    if (claimed === undefined || stopping) {
      release();
      return false;
    }
    const stop = createOperationStop();
    const done = slots(() => execute(claimed, stop)).finally(() => {
      active.delete(operationId);
      service.metrics.operationsRunning.set(active.size);
      release();
      wake();
    });
    active.set(operationId, { stop, done });
    service.metrics.operationsRunning.set(active.size);
    return true;
  }

  /** Never rejects: an operation whose end cannot be written stays claimed and is resumed after a restart. */
  async function execute(claimed: ClaimedOperation, stop: OperationStop): Promise<void> {
    const { operationId, kind } = claimed.operation;
    try {
      await executeOperation(service, claimed, stop);
    } catch (thrown) {
      service.log.error({ err: thrown, operationId, kind }, "the operation's end could not be written");
    }
  }

  function wake(): void {
    again = true;
    if (filling || stopping) return;
    filling = true;
    void (async () => {
      while (again && !stopping) {
        again = false;
        await fill().catch((thrown: unknown) =>
          service.log.error({ err: thrown }, "cannot claim operations"),
        );
      }
      filling = false;
    })();
  }

  const stopListening = service.nudges.on("operations", wake);
  locks.onRelease(wake);
  const timer = setInterval(wake, limits.wakeEveryMs);

  return {
    wake,
    async resume() {
      const left = await service.registry.record((record) => operationReleaseAll(record, owner));
      if (left > 0) service.log.info({ operations: left }, "taking up what an earlier process left");
    },
    cancel: (operationId) => active.get(operationId)?.stop.abort("cancel"),
    async stop(graceMs) {
      stopping = true;
      clearInterval(timer);
      stopListening();
      const ended = Promise.all([...active.values()].map(({ done }) => done));
      await Promise.race([ended, pause(graceMs)]);
      for (const { stop } of active.values()) stop.abort("shutdown");
      await ended;
    },
  };
}
