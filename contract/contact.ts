import { z } from "zod";
import { at, pageOf, pageQuery, printable, reasonSchema, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { CONTACT_ROLES } from "./vocabulary.ts";

/** People and mailboxes to turn to: who runs the tenant's side, who pays, whom to call at night. */
export const CONTACT_LIMITS = { contactsPerTenant: 20, nameChars: 120, emailChars: 254 } as const;

export const contactRoleSchema = z
  .enum(CONTACT_ROLES)
  .meta({ id: "ContactRole", description: "What the contact is asked about", example: "technical" });

export const contactFields = {
  role: contactRoleSchema,
  name: printable(CONTACT_LIMITS.nameChars).meta({ example: "Ada Okafor" }),
  email: z
    .email({ error: "must be an address such as ada@acme.example" })
    .max(CONTACT_LIMITS.emailChars)
    .meta({ example: "ada@acme.example" }),
  phone: z
    .string()
    .regex(/^\+[1-9]\d{6,14}$/, { error: "must be a number with its country, such as +4930123456" })
    .nullable()
    .meta({ description: "As E.164 has it", example: "+4930123456" }),
};

export const contactSchema = z
  .object({
    contactId: uuid,
    tenantId: tenantIdSchema,
    role: contactRoleSchema,
    name: z.string(),
    email: z.string(),
    phone: z.string().nullable(),
    recordVersion: z.int().meta({ description: "Grows by one with each change; also the ETag", example: 1 }),
    createdAt: at,
    updatedAt: at,
  })
  .meta({ id: "Contact" });
export type Contact = z.output<typeof contactSchema>;

export const contactCreateSchema = z
  .strictObject({
    ...contactFields,
    phone: contactFields.phone.default(null),
    reason: reasonSchema.optional(),
  })
  .meta({
    id: "ContactCreate",
    example: { role: "incident", name: "Night desk", email: "night@acme.example", phone: "+4930123456" },
  });
export type ContactCreate = z.output<typeof contactCreateSchema>;

export const contactUpdateSchema = z
  .strictObject({
    role: contactFields.role.optional(),
    name: contactFields.name.optional(),
    email: contactFields.email.optional(),
    phone: contactFields.phone.optional(),
    reason: reasonSchema.optional(),
  })
  .refine(({ reason: _reason, ...update }) => Object.values(update).some((value) => value !== undefined), {
    error: "must change at least one field",
  })
  .meta({ id: "ContactUpdate", example: { phone: "+4930654321" } });
export type ContactUpdate = z.output<typeof contactUpdateSchema>;

const ofTenant = z.strictObject({ tenantId: tenantIdSchema });
const params = z.strictObject({ tenantId: tenantIdSchema, contactId: uuid });
const base = "/v1/control-plane/tenants/:tenantId/contacts";
const ifMatch = "Send If-Match with the record version to change only what you have read.";

export const contactRoutes = defineRoutes({
  contactCreate: {
    method: "post",
    path: base,
    tag: "Tenants",
    summary: "Add a contact to a tenant",
    role: "fleet_operator",
    params: ofTenant,
    body: contactCreateSchema,
    status: 201,
    response: contactSchema,
    errors: ["tenant_not_found", "too_many_contacts", "illegal_transition"],
  },
  contactList: {
    method: "get",
    path: base,
    tag: "Tenants",
    summary: "List a tenant's contacts, oldest first",
    role: "auditor",
    params: ofTenant,
    query: z.strictObject({ ...pageQuery, role: contactRoleSchema.optional() }),
    status: 200,
    response: pageOf(contactSchema, "ContactPage"),
    errors: ["tenant_not_found"],
  },
  contactGet: {
    method: "get",
    path: `${base}/:contactId`,
    tag: "Tenants",
    summary: "Get a contact",
    role: "auditor",
    params,
    status: 200,
    response: contactSchema,
    errors: ["contact_not_found"],
  },
  contactUpdate: {
    method: "patch",
    path: `${base}/:contactId`,
    tag: "Tenants",
    summary: "Change a contact",
    description: ifMatch,
    role: "fleet_operator",
    params,
    body: contactUpdateSchema,
    status: 200,
    response: contactSchema,
    ifMatch: "record",
    errors: ["tenant_not_found", "contact_not_found", "version_conflict", "illegal_transition"],
  },
  contactRemove: {
    method: "delete",
    path: `${base}/:contactId`,
    tag: "Tenants",
    summary: "Remove a contact",
    description: `The audit trail keeps that there was one, not who. ${ifMatch}`,
    role: "fleet_operator",
    params,
    query: z.strictObject({ reason: reasonSchema.optional() }),
    status: 204,
    ifMatch: "record",
    errors: ["tenant_not_found", "contact_not_found", "version_conflict"],
  },
});
