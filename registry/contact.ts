import type { Page, PageRequest } from "../contract/common.ts";
import { CONTACT_LIMITS, type Contact, type ContactCreate, type ContactUpdate } from "../contract/contact.ts";
import { ProblemError } from "../contract/errors.ts";
import type { ContactRole } from "../contract/vocabulary.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import type { Change, Reader } from "./registry.ts";
import { tenantGet } from "./tenant.ts";
import { refuseGone, refuseOtherVersion } from "./tenantProblem.ts";

/**
 * A tenant's contacts. They are people: the audit trail, which nobody can erase, names fields that changed and never what
 * they held, and with the tenant they are gone.
 */

/** Audits `contact.created`. */
export async function contactCreate(
  change: Change,
  tenantId: string,
  { reason, ...input }: ContactCreate,
): Promise<Contact> {
  refuseGone(await tenantGet(change.db, tenantId));
  await refuseMany(change.db, tenantId);
  const contact: Contact = {
    ...{ contactId: newId(), tenantId, ...input },
    ...{ recordVersion: 1, createdAt: change.now, updatedAt: change.now },
  };
  await change.db.insertInto("tenantContacts").values(contact).execute();
  await announce(change, contact, "contact.created", reason, { role: contact.role });
  return contact;
}

export interface ContactWriteOptions {
  /** From If-Match: the change is refused when the record has another version. */
  readonly expectedVersion?: number | undefined;
}

/** Audits `contact.updated`; an update that changes nothing writes nothing. */
export async function contactUpdate(
  change: Change,
  { tenantId, contactId }: Pick<Contact, "tenantId" | "contactId">,
  { reason, ...update }: ContactUpdate,
  { expectedVersion }: ContactWriteOptions = {},
): Promise<Contact> {
  refuseGone(await tenantGet(change.db, tenantId));
  const before = await contactGet(change.db, tenantId, contactId);
  refuseOtherVersion("contact", before, expectedVersion);
  const fields = Object.entries(update).filter(
    ([name, to]) => to !== undefined && before[name as keyof Contact] !== to,
  );
  if (fields.length === 0) return before;
  const contact: Contact = {
    ...{ ...before, ...Object.fromEntries(fields) },
    ...{ recordVersion: before.recordVersion + 1, updatedAt: change.now },
  };
  await change.db.updateTable("tenantContacts").set(contact).where("contactId", "=", contactId).execute();
  const changed = fields.map(([name]) => name).sort();
  await announce(change, contact, "contact.updated", reason, { role: contact.role, changed });
  return contact;
}

/** Audits `contact.removed`. */
export async function contactRemove(
  change: Change,
  { tenantId, contactId }: Pick<Contact, "tenantId" | "contactId">,
  { expectedVersion, reason }: ContactWriteOptions & { readonly reason?: string | undefined } = {},
): Promise<void> {
  await tenantGet(change.db, tenantId);
  const before = await contactGet(change.db, tenantId, contactId);
  refuseOtherVersion("contact", before, expectedVersion);
  await change.db.deleteFrom("tenantContacts").where("contactId", "=", contactId).execute();
  await announce(change, before, "contact.removed", reason, { role: before.role });
}

export async function contactGet(db: Reader, tenantId: string, contactId: string): Promise<Contact> {
  const contact = await db
    .selectFrom("tenantContacts")
    .selectAll()
    .where("contactId", "=", contactId)
    .where("tenantId", "=", tenantId)
    .executeTakeFirst();
  if (contact !== undefined) return contact;
  throw new ProblemError("contact_not_found", {
    detail: `Cannot find the contact ${contactId}: the tenant has none with this id.`,
    hint: `List them with GET /v1/control-plane/tenants/${tenantId}/contacts.`,
    errors: [{ path: "path.contactId", message: "is no contact of this tenant", value: contactId }],
  });
}

/** All of a tenant's, oldest first: never more than CONTACT_LIMITS.contactsPerTenant. */
export function contactsOf(db: Reader, tenantId: string): Promise<Contact[]> {
  return contacts(db, tenantId).execute();
}

/** The same of many tenants, at most some hundreds at once. */
export function contactsOfAll(db: Reader, tenantIds: readonly string[]): Promise<Contact[]> {
  const rows = db
    .selectFrom("tenantContacts")
    .selectAll()
    .where("tenantId", "in", [...tenantIds]);
  return rows.orderBy("createdAt").orderBy("contactId").execute();
}

/** Oldest first. */
export async function contactList(
  db: Reader,
  tenantId: string,
  query: PageRequest & { readonly role?: ContactRole | undefined },
): Promise<Page<Contact>> {
  await tenantGet(db, tenantId);
  let rows = contacts(db, tenantId);
  if (query.role) rows = rows.where("role", "=", query.role);
  if (query.cursor) {
    const [createdAt, contactId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "contactId"), ">", tuple(createdAt, contactId)),
    );
  }
  const found = await rows.limit(query.limit + 1).execute();
  return toPage(
    found,
    query.limit,
    (contact) => contact,
    ({ createdAt, contactId }) => [createdAt, contactId],
  );
}

function contacts(db: Reader, tenantId: string) {
  return db
    .selectFrom("tenantContacts")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .orderBy("createdAt")
    .orderBy("contactId");
}

async function refuseMany(db: Reader, tenantId: string): Promise<void> {
  const { length } = await contactsOf(db, tenantId);
  if (length < CONTACT_LIMITS.contactsPerTenant) return;
  throw new ProblemError("too_many_contacts", {
    detail: `Cannot add the contact: a tenant may have ${CONTACT_LIMITS.contactsPerTenant}, and this one has ${length}.`,
    hint: "Remove one that is no longer asked, or change it.",
    errors: [{ path: "body", message: "is one contact too many" }],
  });
}

async function announce(
  change: Change,
  { contactId, tenantId, recordVersion }: Contact,
  action: string,
  reason: string | undefined,
  details: Record<string, unknown>,
): Promise<void> {
  await change.audit({
    ...{ action, target: { type: "contact", id: contactId }, tenantId, reason: reason ?? null },
    details: { recordVersion, ...details },
  });
  await change.outbox({ type: action, tenantId, payload: { tenantId, contactId, recordVersion } });
}
