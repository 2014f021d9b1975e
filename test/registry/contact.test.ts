import { expect, it } from "vitest";
import { CONTACT_LIMITS, type ContactCreate } from "../../contract/contact.ts";
import {
  contactCreate,
  contactList,
  contactRemove,
  contactsOf,
  contactUpdate,
} from "../../registry/contact.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantDelete } from "../../registry/tenantLifecycle.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const ada: ContactCreate = { role: "technical", name: "Ada", email: "ada@acme.example", phone: null };

function add(registry: Registry, tenantId: string, rest: Partial<ContactCreate> = {}) {
  return registry.change(context, (change) => contactCreate(change, tenantId, { ...ada, ...rest }));
}

describeDialects("a tenant's contacts", (create) => {
  it("are kept, changed by version and removed", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const contact = await add(registry, tenantId);
    expect(contact).toMatchObject({ ...ada, tenantId, recordVersion: 1 });

    const moved = await registry.change(context, (change) =>
      contactUpdate(change, contact, { phone: "+4930123456" }, { expectedVersion: 1 }),
    );
    expect(moved).toMatchObject({ name: "Ada", phone: "+4930123456", recordVersion: 2 });
    const stale = registry.change(context, (change) =>
      contactUpdate(change, contact, { name: "Bea" }, { expectedVersion: 1 }),
    );
    await expect(stale).rejects.toMatchObject({ code: "version_conflict", status: 412 });
    const staleRemoval = registry.change(context, (change) =>
      contactRemove(change, contact, { expectedVersion: 1 }),
    );
    await expect(staleRemoval).rejects.toMatchObject({ code: "version_conflict" });
    expect(await registry.read((db) => contactsOf(db, tenantId))).toEqual([moved]);

    await registry.change(context, (change) => contactRemove(change, contact, { expectedVersion: 2 }));
    expect(await registry.read((db) => contactsOf(db, tenantId))).toEqual([]);
  });

  it("are another tenant's to nobody", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const other = await addTenant(registry, "other");
    const { contactId } = await add(registry, tenantId);
    const across = registry.change(context, (change) =>
      contactUpdate(change, { tenantId: other.tenantId, contactId }, { name: "x" }),
    );
    await expect(across).rejects.toMatchObject({ code: "contact_not_found" });
  });

  it("leave no trace of a person in the audit trail and the outbox", async () => {
    const database = await create();
    const registry = await database.open();
    const { tenantId } = await addTenant(registry, "acme");
    const contact = await add(registry, tenantId);
    await registry.change(context, (change) =>
      contactUpdate(change, contact, { name: "Bea", email: "bea@acme.example", reason: "new lead" }),
    );
    await registry.change(context, (change) => contactRemove(change, contact));
    const events = await database.raw(
      "select action, reason, details from audit_events where target_type = 'contact' order by sequence",
    );
    expect(events.map(({ action }) => action)).toEqual([
      "contact.created",
      "contact.updated",
      "contact.removed",
    ]);
    expect(JSON.parse(String(events[1]?.details))).toMatchObject({ changed: ["email", "name"] });
    const all = JSON.stringify([events, await database.raw("select payload from outbox")]);
    expect(all).not.toMatch(/ada@|bea@|"Ada"|"Bea"/);
  });

  it("are gone with the tenant, and none is added to one that is going", async () => {
    const database = await create();
    const registry = await database.open();
    const { tenantId } = await addTenant(registry, "acme");
    await add(registry, tenantId);
    await registry.change(context, (change) => tenantDelete(change, tenantId));
    expect(await database.raw("select * from tenant_contacts")).toEqual([]);
    await expect(add(registry, tenantId)).rejects.toMatchObject({ code: "illegal_transition" });
  });

  it("are limited in number, listed page by page and by role", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    for (let count = 0; count < CONTACT_LIMITS.contactsPerTenant; count += 1) {
      await add(registry, tenantId, { name: `c${count}`, role: count % 5 === 0 ? "billing" : "incident" });
    }
    await expect(add(registry, tenantId)).rejects.toMatchObject({ code: "too_many_contacts" });
    const first = await registry.read((db) => contactList(db, tenantId, { limit: 15 }));
    const cursor = first.nextCursor ?? "";
    const second = await registry.read((db) => contactList(db, tenantId, { limit: 15, cursor }));
    const names = [...first.items, ...second.items].map(({ name }) => name);
    expect([names.length, new Set(names).size, second.nextCursor]).toEqual([20, 20, null]);
    const billing = await registry.read((db) => contactList(db, tenantId, { limit: 15, role: "billing" }));
    expect(billing.items).toHaveLength(4);
  });
});
