import type { ServiceContext } from "../app/context.ts";

/**
 * How long a change takes to readers that follow a tenant. A reader that has verified a version says so with its next request, by
 * If-None-Match: the time from the change to that request is the time from change to verified reader. Counted are versions
 * that this process has sent to somebody who had an earlier one; who comes for the first time has waited for nothing.
 */
interface Sent {
  readonly version: number;
  readonly changedAt: string;
  /** Requests it was sent to that have not come back with it. */
  open: number;
}

const TENANTS_KEPT = 10_000;
const sentOf = new WeakMap<ServiceContext["nudges"], Map<string, Sent>>();

export function noteSent(
  { nudges }: ServiceContext,
  tenantId: string,
  { version, changedAt }: Pick<Sent, "version" | "changedAt">,
): void {
  const all = sentOf.get(nudges) ?? new Map<string, Sent>();
  sentOf.set(nudges, all);
  const before = all.get(tenantId);
  all.delete(tenantId);
  const open = before?.version === version ? before.open + 1 : 1;
  all.set(tenantId, { version, changedAt, open });
  const [oldest] = all.keys();
  if (all.size > TENANTS_KEPT && oldest !== undefined) all.delete(oldest);
}

export function noteKnown({ nudges, metrics }: ServiceContext, tenantId: string, version: number): void {
  const all = sentOf.get(nudges);
  const sent = all?.get(tenantId);
  if (sent === undefined || sent.version !== version) return;
  metrics.entitlementPropagation.observe(Math.max(0, Date.now() - Date.parse(sent.changedAt)) / 1_000);
  sent.open -= 1;
  if (sent.open === 0) all?.delete(tenantId);
}
