import { z } from "zod";
import { tenantIdSchema } from "./common.ts";
import { contactSchema } from "./contact.ts";
import { domainSchema } from "./domain.ts";
import { externalIdSchema } from "./externalId.ts";
import { defineRoutes } from "./route.ts";
import { tenantSchema } from "./tenant.ts";

export const tenantProfileSchema = z
  .object({
    tenant: tenantSchema,
    contacts: z.array(contactSchema),
    externalIds: z.array(externalIdSchema),
    domains: z.array(domainSchema),
  })
  .meta({ id: "TenantProfile", description: "The record with what belongs to it" });
export type TenantProfile = z.output<typeof tenantProfileSchema>;

export const tenantProfileRoutes = defineRoutes({
  tenantProfile: {
    method: "get",
    path: "/v1/control-plane/tenants/:tenantId/profile",
    tag: "Tenants",
    summary: "A tenant with its contacts, external ids and domains",
    role: "auditor",
    params: z.strictObject({ tenantId: tenantIdSchema }),
    status: 200,
    response: tenantProfileSchema,
    errors: ["tenant_not_found"],
  },
});
