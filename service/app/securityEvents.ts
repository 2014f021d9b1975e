import { type ErrorCode, ProblemError } from "../../contract/errors.ts";
import type { Change } from "../../registry/registry.ts";
import { tenantFind } from "../../registry/tenant.ts";
import type { SecurityKind } from "../policy/query.ts";
import { besideRequest, changeAs, type RequestContext } from "./context.ts";

/**
 * Refusals that somebody should look at, because they may be an attempt and not a mistake. Each is an audit event on the tenant's
 * chain, an event of the feed and a count that alerts go by; the refusal itself has been told by whoever refused.
 */
const KIND: Readonly<Partial<Record<ErrorCode, SecurityKind>>> = {
  region_not_allowed: "cross_region",
  residency_violation: "cross_region",
};

export async function noteRefusal(context: RequestContext, thrown: unknown, params: unknown): Promise<void> {
  const kind = thrown instanceof ProblemError ? KIND[thrown.code] : undefined;
  if (!(thrown instanceof ProblemError) || kind === undefined) return;
  context.metrics.securityEvents.inc({ kind });
  const { tenantId = thrown.options.tenantId } = (params ?? {}) as { tenantId?: string };
  await changeAs(besideRequest(context), async (change) => {
    const tenant = tenantId === undefined ? undefined : await tenantFind(change.db, tenantId);
    const { code, message: detail } = thrown;
    const { reason = null } = context.facts ?? {};
    const by = context.principal.id;
    await recordCrossRegion(change, { tenantId: tenant?.tenantId, code, detail, reason, by });
  });
}

interface CrossRegion {
  readonly tenantId: string | undefined;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly reason: string | null;
  /** Whose attempt it was. */
  readonly by: string;
}

/** On the chain of the tenant, or the fleet's without one. */
export async function recordCrossRegion(
  change: Change,
  { tenantId, code, detail, reason, by }: CrossRegion,
): Promise<void> {
  const chain = tenantId === undefined ? {} : { tenantId };
  const action = "security.cross_region_denied";
  const target = tenantId === undefined ? { type: "fleet", id: "fleet" } : { type: "tenant", id: tenantId };
  await change.audit({ action, target, ...chain, outcome: "denied", reason, details: { code, detail } });
  await change.outbox({ type: action, ...chain, payload: { ...chain, code, by } });
}
