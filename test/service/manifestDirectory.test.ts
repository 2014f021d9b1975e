import { afterAll, beforeAll, expect, it } from "vitest";
import { controlPlane, dump, startTestService, type TestService } from "./harness.ts";

/** Contacts and external ids as manifests say them. */
let service: TestService;
beforeAll(async () => {
  service = await startTestService(["--reconcile", "off"]);
});
afterAll(() => service.stop());

const manifest = (slug: string, more = "") => `apiVersion: tenantry.dev/v1
kind: Tenant
metadata:
  slug: ${slug}
spec:
  displayName: ${slug}
  plan: starter
  state: draft
${more}`;
const post = (what: string, ...documents: string[]) =>
  service.call("POST", `${controlPlane}/manifests/${what}`, { body: { documents } });
const exported = async (slug: string): Promise<string> =>
  (await service.call("GET", `${controlPlane}/manifests/tenants/${slug}`)).body;
const profile = async (slug: string) => {
  const { body } = await service.call("GET", `${controlPlane}/tenants?slugPrefix=${slug}`);
  const tenantId = body.items[0].tenantId as string;
  const { contacts, externalIds } = (await service.call("GET", `${controlPlane}/tenants/${tenantId}/profile`))
    .body;
  return { tenantId, contacts, externalIds };
};
const ADA = "{ role: technical, name: Ada, email: ada@acme.example }";
const DESK = '{ role: incident, name: Desk, email: desk@acme.example, phone: "+4930123456" }';
const both = (crm: string, billing = "b-1") =>
  `  contacts: [${ADA}, ${DESK}]\n  externalIds: { crm: "${crm}", billing: ${billing} }\n`;

it("are made with the tenant, found, exported, and applied again without a change", async () => {
  const { body } = await post("apply", manifest("acme", both("4711")));
  expect(body.tenants[0]).toMatchObject({ result: "create" });
  const made = await profile("acme");
  expect(made.contacts).toMatchObject([{ name: "Ada", phone: null }, { phone: "+4930123456" }]);
  expect(made.externalIds).toMatchObject([{ externalId: "b-1" }, { system: "crm", externalId: "4711" }]);
  const found = await service.call("GET", `${controlPlane}/tenants?search=4711`);
  expect(found.body.items).toMatchObject([{ slug: "acme" }]);

  const text = await exported("acme");
  expect(text).toContain("ada@acme.example");
  const before = await dump(service);
  expect((await post("diff", text)).body.tenants[0]).toMatchObject({ result: "none", changes: [] });
  const swapped = manifest("acme", both("4711").replace(`[${ADA}, ${DESK}]`, `[${DESK}, ${ADA}]`));
  expect((await post("diff", swapped)).body.tenants[0].changes).toEqual([]);
  expect(await dump(service)).toBe(before);
  await post("apply", text);
  expect(await profile("acme")).toEqual(made);
});

it("are changed one by one, left alone where nothing is said, and removed where that is said", async () => {
  await post("apply", manifest("globex", both("g-1", "g-b")));
  const first = await profile("globex");
  const edited = both("g-2", "g-b").replace("name: Ada,", "name: Ada Okafor,").replace("incident", "billing");
  const told = (await post("diff", manifest("globex", edited))).body.tenants[0];
  expect(told.changes.map(({ path }: { path: string }) => path)).toEqual([
    "spec.contacts",
    "spec.externalIds.crm",
  ]);
  await post("apply", manifest("globex", edited));
  const second = await profile("globex");
  // The same person with another name; the desk has another role, which is another contact.
  const ada = second.contacts.find(({ email }: { email: string }) => email === "ada@acme.example");
  expect(ada).toMatchObject({
    contactId: first.contacts[0].contactId,
    name: "Ada Okafor",
    recordVersion: 2,
  });
  expect(second.contacts).toHaveLength(2);
  expect(second.externalIds).toMatchObject([{ recordVersion: 1 }, { externalId: "g-2", recordVersion: 2 }]);

  await post("apply", manifest("globex"));
  expect(await profile("globex")).toEqual(second);
  await post("apply", manifest("globex", "  contacts: []\n  externalIds: {}\n"));
  expect(await profile("globex")).toMatchObject({ contacts: [], externalIds: [] });
});

it("are refused where they stand, before anything is written", async () => {
  await post("apply", manifest("owner", "  externalIds: { erp: taken }\n"));
  const before = await dump(service);
  const at = async (...documents: string[]) => {
    const { status, body } = await post("apply", ...documents);
    expect(status).toBe(422);
    return body.errors.map(({ path, line, message }: Record<string, unknown>) => [path, line, message]);
  };
  expect(await at(manifest("other", "  externalIds:\n    erp: taken\n"))).toEqual([
    ["spec.externalIds.erp", 10, "is the id of another tenant: taken"],
  ]);
  const twice = [
    manifest("one", "  externalIds: { erp: e-1 }\n"),
    manifest("two", "  externalIds: { erp: e-1 }\n"),
  ];
  expect(await at(...twice)).toMatchObject([["spec.externalIds.erp", 9, expect.stringContaining("twice")]]);
  const bad = "  contacts:\n    - role: technical\n      nme: Ada\n      email: nobody\n";
  expect(await at(manifest("other", bad))).toEqual(
    expect.arrayContaining([
      ["spec.contacts.0.nme", 11, "is not a known field"],
      ["spec.contacts.0.email", 12, "must be an address such as ada@acme.example"],
    ]),
  );
  expect((await at(manifest("other", `  contacts: [${ADA}, ${ADA}]\n`)))[0]?.[0]).toBe("spec.contacts");
  expect(await dump(service)).toBe(before);
});

it("keep no person where the text of the manifest is kept", async () => {
  await post("apply", manifest("private", `  contacts: [${ADA}]\n`));
  const { tenantId } = await profile("private");
  const kept = await service
    .registry()
    .read((db) =>
      db.selectFrom("tenantManifests").select("manifest").where("tenantId", "=", tenantId).execute(),
    );
  expect(kept).toHaveLength(1);
  expect(JSON.stringify(kept)).not.toContain("ada@acme.example");
  const events = await service.call("GET", `${controlPlane}/audit/events?tenantId=${tenantId}`);
  const actions = events.body.items.map(({ action }: { action: string }) => action);
  expect(actions).toEqual(expect.arrayContaining(["contact.created", "manifest.applied"]));
  expect(JSON.stringify(events.body)).not.toContain("ada@acme.example");
});
