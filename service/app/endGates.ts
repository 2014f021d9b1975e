import { ProblemError } from "../../contract/errors.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { RequestContext } from "./context.ts";
import { roleCovers } from "./roleCovers.ts";

/** What may keep a tenant from its end. */

export function refuseHeld({ legalHold, tenantId }: Tenant, action: string): void {
  if (legalHold === null) return;
  throw new ProblemError("legal_hold", {
    detail: `Cannot ${action} the tenant: a legal hold keeps it since ${legalHold.placedAt} (${legalHold.reason}).`,
    hint: `When it no longer applies, an admin lifts it with DELETE /v1/control-plane/tenants/${tenantId}/legal-hold?reason=….`,
    errors: [{ path: "tenant.legalHold", message: "keeps the tenant", value: legalHold.reason }],
  });
}

/** Without a grace period nothing can be taken back. */
export function refuseNotImmediately({ principal }: Pick<RequestContext, "principal">): void {
  if (roleCovers(principal.role, "fleet_admin")) return;
  throw new ProblemError("forbidden", {
    detail: "Cannot decommission immediately: skipping the grace period needs the role admin.",
    hint: "Leave immediately out: the tenant is blocked at once and destroyed when the grace period ends.",
    errors: [{ path: "body.immediately", message: "needs the role admin", value: true }],
  });
}
