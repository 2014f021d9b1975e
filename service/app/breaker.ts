import type { Breaker } from "../../contract/breaker.ts";
import type { Page, PageRequest } from "../../contract/common.ts";
import * as registry from "../../registry/breaker.ts";
import { CLOSED } from "../breaker/judge.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext, type ServiceContext } from "./context.ts";

export async function breakerList(
  context: RequestContext,
  query: PageRequest & { readonly state?: "closed" | "open" | undefined },
): Promise<Page<Breaker>> {
  await authorize(context, "breakerList");
  const now = await context.registry.record(async (record) => record.now);
  return context.registry.read((db) => registry.breakerList(db, query, now));
}

export async function breakerReset(
  context: RequestContext,
  scope: string,
  reason: string | undefined,
): Promise<Breaker> {
  await authorize(context, "breakerReset");
  return changeAs(context, async (change) => {
    await change.lock(`breaker/${scope}`);
    const before = await registry.breakerFind(change.db, scope);
    if (before === undefined) throw registry.breakerMissing(scope);
    const { now } = change;
    const after = { ...CLOSED, scope, outcomes: [], probeHolder: null, probeUntil: null, updatedAt: now };
    await registry.breakerWrite(change, after);
    await registry.breakerAnnounce(change, "reset", before, reason);
    for (const topic of ["rollouts", "scans", "reconcile"])
      change.afterCommit(() => context.nudges.nudge(topic));
    return registry.breakerOf(after, now);
  });
}

/** For whoever reads /metrics. */
export async function observeBreakers({ registry: books, metrics, log }: ServiceContext): Promise<void> {
  try {
    const open = await books.read(registry.breakersOpen);
    metrics.breakers.reset();
    for (const scope of open.keys()) metrics.breakers.set({ scope }, 1);
  } catch (thrown) {
    log.warn({ err: thrown }, "cannot read the circuit breakers for /metrics");
  }
}
