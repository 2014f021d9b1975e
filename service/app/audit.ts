import type { AuditEvent, AuditEventListQuery, AuditVerification } from "../../contract/audit.ts";
import type { Page } from "../../contract/common.ts";
import * as registry from "../../registry/audit.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

export async function auditEventList(
  context: RequestContext,
  query: AuditEventListQuery,
): Promise<Page<AuditEvent>> {
  await authorize(context, "auditEventList");
  return context.registry.read((db) => registry.auditEventList(db, query));
}

export async function auditVerification(
  context: RequestContext,
  query: { readonly tenantId?: string | undefined },
): Promise<AuditVerification> {
  await authorize(context, "auditVerification");
  return context.registry.read(async (db) => {
    if (query.tenantId !== undefined) await tenantGet(db, query.tenantId);
    return registry.auditVerify(db, query);
  });
}
