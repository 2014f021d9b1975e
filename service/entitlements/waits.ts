import { ENTITLEMENT_LIMITS } from "../../contract/entitlement.ts";
import { bundleFind, bundlesChangedAfter, bundlesNewest } from "../../registry/entitlement.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { STOPPING } from "../nudges.ts";

/**
 * Requests that wait for a tenant's next version. A nudge wakes them at once where the change was asked for; whatever else
 * changes (a rollout, a manifest, another process) is found by one look a second for all that wait, not one for each.
 */
interface Waiting {
  readonly byTenant: Map<string, Set<Waiter>>;
  count: number;
  timer: NodeJS.Timeout | undefined;
  /** The newest change that was seen, and when by this process's clock that was. */
  since: string | undefined;
  seenAtMs: number;
}

interface Waiter {
  /** What whoever waits has. */
  readonly version: number;
  wake(): void;
}

const waits = new WeakMap<ServiceContext["nudges"], Waiting>();

export function entitlementTopic(tenantId: string): string {
  return `entitlements:${tenantId}`;
}

/** Resolves once the tenant's version is another, or the time is over, or nobody waits any more. */
export async function waitForVersion(
  context: ServiceContext,
  tenantId: string,
  version: number,
  { waitMs, gone }: { readonly waitMs: number; readonly gone: AbortSignal },
): Promise<void> {
  const waiting = waitingOf(context);
  if (waiting.count >= ENTITLEMENT_LIMITS.waiting) return;
  waiting.count += 1;
  context.metrics.entitlementReaders.inc();
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = setTimeout(resolve, waitMs);
  const leave = join(context, waiting, tenantId, { version, wake: resolve });
  gone.addEventListener("abort", () => resolve(), { once: true });
  try {
    // Listening has begun: a version that comes during this look wakes.
    const now = await context.registry.read((db) => bundleFind(db, tenantId));
    if (now?.version === version && !gone.aborted) await promise;
  } finally {
    clearTimeout(end);
    leave();
    waiting.count -= 1;
    context.metrics.entitlementReaders.dec();
  }
}

function waitingOf({ nudges }: ServiceContext): Waiting {
  const known = waits.get(nudges);
  if (known !== undefined) return known;
  const fresh: Waiting = { byTenant: new Map(), count: 0, timer: undefined, since: undefined, seenAtMs: 0 };
  waits.set(nudges, fresh);
  return fresh;
}

function join(context: ServiceContext, waiting: Waiting, tenantId: string, waiter: Waiter): () => void {
  const set = waiting.byTenant.get(tenantId) ?? new Set();
  waiting.byTenant.set(tenantId, set.add(waiter));
  const { nudges } = context;
  const { wake } = waiter;
  const offs = [nudges.on(entitlementTopic(tenantId), wake), nudges.on(STOPPING, wake)];
  waiting.timer ??= setInterval(() => void look(context, waiting), limits.entitlementLookMs);
  return () => {
    for (const off of offs) off();
    set.delete(waiter);
    if (set.size === 0) waiting.byTenant.delete(tenantId);
    if (waiting.byTenant.size > 0) return;
    clearInterval(waiting.timer);
    waiting.timer = undefined;
    waiting.since = undefined;
  };
}

/**
 * Looks a little further back than it must, as changes that began earlier may be committed later; and no longer once nothing
 * has come for as long, or the last changes of many tenants would be read again every second.
 */
async function look({ registry, log }: ServiceContext, waiting: Waiting): Promise<void> {
  try {
    const since = waiting.since ?? (await registry.read(bundlesNewest));
    if (since === undefined) return;
    if (waiting.since === undefined) waiting.seenAtMs = performance.now();
    waiting.since = since;
    const isQuiet = performance.now() - waiting.seenAtMs > limits.entitlementLookBackMs;
    const after = new Date(Date.parse(since) - (isQuiet ? 0 : limits.entitlementLookBackMs)).toISOString();
    const changed = await registry.read((db) => bundlesChangedAfter(db, after));
    const newest = changed.at(-1)?.changedAt ?? since;
    if (newest > since) [waiting.since, waiting.seenAtMs] = [newest, performance.now()];
    for (const { tenantId, version } of changed) {
      for (const waiter of waiting.byTenant.get(tenantId) ?? []) {
        if (waiter.version !== version) waiter.wake();
      }
    }
  } catch (thrown) {
    log.debug({ err: thrown }, "cannot look for changed entitlements");
  }
}
