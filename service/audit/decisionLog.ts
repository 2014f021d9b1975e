import type { AuditDecision } from "../../contract/audit.ts";
import { decisionsWrite } from "../../registry/decisionLog.ts";
import { newId } from "../../registry/id.ts";
import type { RequestContext, ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";

/**
 * What was allowed, on its way into the registry: kept in memory and written every few seconds, so that a read costs no
 * transaction of its own. Bounded: while the registry takes nothing, what does not fit is counted and dropped, because a
 * log of reads must never keep the service from answering them.
 */
export interface DecisionLog {
  /** The request was let through; `tenantId` as its path names it. */
  add(context: Pick<RequestContext, Asked>, action: string, tenantId: string | undefined): void;
  /** Writes what is left. */
  stop(): Promise<void>;
}

type Asked = "principal" | "requestId" | "correlationId" | "decision";

export interface DecisionLogTuning {
  readonly flushMs: number;
  readonly keptAtMost: number;
  /** Rows of one transaction: each costs a sync of the disk, and pages that several of its rows are on are written once. */
  readonly committedAtOnce: number;
}

export function createDecisionLog(
  { registry, metrics, log }: Pick<ServiceContext, "registry" | "metrics" | "log">,
  tuning: DecisionLogTuning = limits.decisionLog,
): DecisionLog {
  let waiting: AuditDecision[] = [];
  let flushing: Promise<void> | undefined;
  let isDown = false;

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, tuning.committedAtOnce);
      try {
        await registry.record((record) => decisionsWrite(record, batch));
      } catch (thrown) {
        if (!isDown) log.warn({ err: thrown }, "cannot write the decision log; it is tried again");
        isDown = true;
        return;
      }
      isDown = false;
      waiting = waiting.slice(batch.length);
    }
  }
  const flushOnce = () => {
    flushing ??= flush().finally(() => {
      flushing = undefined;
    });
    return flushing;
  };
  const timer = setInterval(() => void flushOnce(), tuning.flushMs);
  timer.unref();

  return {
    add({ principal, requestId, correlationId, decision }, action, tenantId) {
      if (waiting.length >= tuning.keptAtMost) return void metrics.decisionsDropped.inc();
      waiting.push({
        decisionId: newId(),
        decidedAt: new Date().toISOString(),
        principal: { id: principal.id, name: principal.name },
        role: principal.role,
        ...{ action, tenantId: tenantId ?? null },
        policies: [...(decision?.made?.policies ?? [])],
        ...{ requestId, correlationId },
      });
    },
    async stop() {
      clearInterval(timer);
      await flushOnce();
      // What came in while the last batch was being written.
      await flushOnce();
    },
  };
}
