import { DOMAIN_LIMITS } from "../../contract/domain.ts";
import type { TenantProfile } from "../../contract/tenantProfile.ts";
import { contactsOf } from "../../registry/contact.ts";
import { domainList } from "../../registry/domain.ts";
import { externalIdsOf } from "../../registry/externalId.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

export async function tenantProfile(context: RequestContext, tenantId: string): Promise<TenantProfile> {
  await authorize(context, "tenantProfile", tenantId);
  return context.registry.read(async (db) => ({
    tenant: await tenantGet(db, tenantId),
    contacts: await contactsOf(db, tenantId),
    externalIds: await externalIdsOf(db, tenantId),
    domains: (await domainList(db, tenantId, { limit: DOMAIN_LIMITS.perTenant, removed: false })).items,
  }));
}
