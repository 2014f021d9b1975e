import type {
  AuditDecision,
  AuditDecisionListQuery,
  AuditEvent,
  AuditEventListQuery,
  AuditVerification,
} from "../../contract/audit.ts";
import type { Page } from "../../contract/common.ts";
import * as registry from "../../registry/audit.ts";
import { FLEET_CHAIN } from "../../registry/auditChain.ts";
import * as search from "../../registry/auditSearch.ts";
import { decisionList } from "../../registry/decisionLog.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

export async function auditEventList(
  context: RequestContext,
  query: AuditEventListQuery,
): Promise<Page<AuditEvent>> {
  const { tenantId, chain } = query;
  // A chain that is not the fleet's goes by its tenant's id.
  await authorize(context, "auditEventList", tenantId ?? (chain === FLEET_CHAIN ? undefined : chain));
  return context.registry.read((db) => search.auditEventList(db, query));
}

export async function auditDecisionList(
  context: RequestContext,
  query: AuditDecisionListQuery,
): Promise<Page<AuditDecision>> {
  await authorize(context, "auditDecisionList", query.tenantId);
  return context.registry.read((db) => decisionList(db, query));
}

export async function auditVerification(
  context: RequestContext,
  query: { readonly tenantId?: string | undefined },
): Promise<AuditVerification> {
  await authorize(context, "auditVerification", query.tenantId);
  const verification = await context.registry.read(async (db) => {
    if (query.tenantId !== undefined) await tenantGet(db, query.tenantId);
    return registry.auditVerify(db, query);
  });
  if (query.tenantId === undefined) {
    context.metrics.auditBreaks.set(verification.breaks.length);
    context.metrics.auditVerifiedSeconds.setToCurrentTime();
  }
  return verification;
}
