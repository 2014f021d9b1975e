import type { Page, PageRequest } from "../../contract/common.ts";
import type { Contact, ContactCreate, ContactUpdate } from "../../contract/contact.ts";
import type { ContactRole } from "../../contract/vocabulary.ts";
import * as registry from "../../registry/contact.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

type Named = Pick<Contact, "tenantId" | "contactId">;

export async function contactCreate(
  context: RequestContext,
  tenantId: string,
  input: ContactCreate,
): Promise<Contact> {
  await authorize(context, "contactCreate", tenantId);
  return changeAs(context, (change) => registry.contactCreate(change, tenantId, input), { tenantId });
}

export async function contactUpdate(
  context: RequestContext,
  named: Named,
  update: ContactUpdate,
  expectedVersion: number | undefined,
): Promise<Contact> {
  const { tenantId } = named;
  await authorize(context, "contactUpdate", tenantId);
  const updating = registry.contactUpdate;
  return changeAs(context, (change) => updating(change, named, update, { expectedVersion }), { tenantId });
}

export async function contactRemove(
  context: RequestContext,
  named: Named,
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<undefined> {
  const { tenantId } = named;
  await authorize(context, "contactRemove", tenantId);
  const options = { expectedVersion, reason };
  await changeAs(context, (change) => registry.contactRemove(change, named, options), { tenantId });
}

export async function contactGet(context: RequestContext, { tenantId, contactId }: Named): Promise<Contact> {
  await authorize(context, "contactGet", tenantId);
  return context.registry.read((db) => registry.contactGet(db, tenantId, contactId));
}

export async function contactList(
  context: RequestContext,
  tenantId: string,
  query: PageRequest & { readonly role?: ContactRole | undefined },
): Promise<Page<Contact>> {
  await authorize(context, "contactList", tenantId);
  return context.registry.read((db) => registry.contactList(db, tenantId, query));
}
