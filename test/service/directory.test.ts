import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Route } from "../../contract/route.ts";
import { routes } from "../../contract/routes.ts";
import {
  type Answer,
  controlPlane,
  createRelease,
  createTenant,
  dump,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

let service: TestService;
let acme: string;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  acme = await createTenant(service, "acme", { displayName: "Ärzte Haus", labels: { tier: "gold" } });
  await run(service, `/tenants/${acme}/activate`);
  await createTenant(service, "bolt", { plan: "business" });
});
afterAll(() => service.stop());

const at = (path: string) => `${controlPlane}/tenants/${acme}${path}`;
const ada = { role: "technical", name: "Ada", email: "ada@acme.example" };

async function slugs(query: string): Promise<string[]> {
  const { status, body } = await service.call("GET", `${controlPlane}/tenants?${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.items.map(({ slug }: { slug: string }) => slug);
}

describe("the directory", () => {
  it("gives a tenant with its contacts and external ids, and finds it by them", async () => {
    const contact = await service.call("POST", at("/contacts"), { body: { ...ada, phone: "+4930123456" } });
    expect([contact.status, contact.headers.get("etag")]).toEqual([201, '"1"']);
    const id = await service.call("PUT", at("/external-ids/crm"), { body: { externalId: "accounts/42" } });
    expect([id.status, id.headers.get("etag")]).toEqual([200, '"1"']);

    const { body } = await service.call("GET", at("/profile"));
    expect(body).toMatchObject({
      tenant: { slug: "acme" },
      contacts: [{ name: "Ada", recordVersion: 1 }],
      externalIds: [{ system: "crm", externalId: "accounts/42" }],
    });
    const found = await service.call("GET", `${controlPlane}/tenants/by-external-id/crm/accounts%2F42`);
    expect([found.status, found.body.tenantId]).toEqual([200, acme]);
    expect(await slugs("search=ACCOUNTS%2042")).toEqual(["acme"]);

    const domain = await service.call("POST", at("/domains"), { body: { domain: "bücher.example" } });
    expect(domain.status).toBe(201);
    expect((await service.call("GET", at("/profile"))).body.domains).toMatchObject([{ status: "pending" }]);
    for (const search of ["bücher", "xn bcher", "example"]) {
      expect(await slugs(new URLSearchParams({ search }).toString())).toEqual(["acme"]);
    }
    await service.call("DELETE", at(`/domains/${domain.body.domainId}?reason=moved`));
    expect(await slugs("search=xn")).toEqual([]);
  });

  it("is searched, filtered by what is true of one target, and sorted", async () => {
    expect(await slugs("search=arzte")).toEqual(["acme"]);
    expect(await slugs("search=gold%20acm")).toEqual(["acme"]);
    expect(await slugs("sort=slug")).toEqual(["acme", "bolt"]);
    expect(await slugs("sort=-displayName")).toEqual(["bolt", "acme"]);
    expect(await slugs("environment=dev&region=eu-west-1&release=1&version=current")).toEqual(["acme"]);
    expect(await slugs("environment=prod")).toEqual([]);
    expect(await slugs("plan=business&drift=clean")).toEqual([]);
  });

  it("keeps every version of a record", async () => {
    await service.call("PATCH", at(""), { body: { displayName: "Second" } });
    const { body: first } = await service.call("GET", at("/versions/1"));
    expect(first).toMatchObject({ recordVersion: 1, tenant: { displayName: "Ärzte Haus", status: "draft" } });
    const none = await service.call("GET", at("/versions/999"));
    expect([none.status, none.body.code]).toEqual([404, "tenant_version_not_found"]);
  });
});

describe("versions of records", () => {
  it("spare a reader what it has already", async () => {
    const { headers } = await service.call("GET", at(""));
    const again = await service.call("GET", at(""), {
      headers: { "if-none-match": headers.get("etag") ?? "", "cache-control": "max-age=0" },
    });
    expect([again.status, again.body]).toEqual([304, ""]);
  });

  it("are asked for by every route that edits a record in place", () => {
    const lacking = Object.entries(routes as Record<string, Route>)
      .filter(([, { method }]) => method === "patch" || method === "put")
      .filter(([, { ifMatch }]) => ifMatch === undefined)
      .map(([id]) => id);
    expect(lacking).toEqual([]);
  });

  it("of two edits on the same version let one through", async () => {
    const { body } = await service.call("GET", at(""));
    const headers = { "if-match": `"${body.recordVersion}"` };
    const answers = await Promise.all(
      ["one", "two"].map((displayName) => service.call("PATCH", at(""), { body: { displayName }, headers })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
  });
});

const RLO = "\u202e";
const ZERO_WIDTH = "\u200b";

describe("what only looks like something", () => {
  it.each([
    ["a slug with a Cyrillic a", { slug: "\u0430cme" }, "body.slug"],
    ["a slug with a zero-width space", { slug: `ac${ZERO_WIDTH}me` }, "body.slug"],
    ["a slug in full-width letters", { slug: "ａｃｍｅ" }, "body.slug"],
    ["a slug with a dotless i", { slug: "p\u0131nk" }, "body.slug"],
    ["a slug in punycode", { slug: "xn--acme-1" }, "body.slug"],
    ["a slug with a line end", { slug: "acme\n" }, "body.slug"],
    ["a slug that is SQL", { slug: "x'; drop table tenants; --" }, "body.slug"],
    ["a name that turns around", { displayName: `Acme ${RLO}gpj.exe` }, "body.displayName"],
    ["a name that shows nothing", { displayName: "\u3164\u3164" }, "body.displayName"],
    ["a name with a hidden joiner", { displayName: "Ac\u200dme" }, "body.displayName"],
    ["a name with a NUL", { displayName: "Ac\u0000me" }, "body.displayName"],
    ["half a character in a name", { displayName: "Ac\ud800me" }, "body.displayName"],
    ["a domain in Unicode", { primaryDomain: "bücher.example" }, "body.primaryDomain"],
    ["a domain with a Cyrillic letter", { primaryDomain: "\u0430cme.example" }, "body.primaryDomain"],
    ["a domain with another dot", { primaryDomain: "acme\u3002example" }, "body.primaryDomain"],
    [
      "a domain with a header in it",
      { primaryDomain: "acme.example\r\nSet-Cookie: a=b" },
      "body.primaryDomain",
    ],
    ["a label with a line end", { labels: { "tier\r\nx": "gold" } }, "body.labels.tier\r\nx"],
  ])("%s is refused", async (_name, wrong, field) => {
    const before = await dump(service);
    const body = { slug: "fine", displayName: "Fine", plan: "starter", ...wrong };
    refused(await service.call("POST", `${controlPlane}/tenants`, { body }), field);
    expect(await dump(service)).toBe(before);
  });

  it("tells a Unicode domain's own spelling for the DNS", async () => {
    const body = { primaryDomain: "bücher.example" };
    const answer = await service.call("PATCH", at(""), { body });
    expect(answer.body.detail).toContain("xn--bcher-kva.example");
  });

  it("names in any script are kept as they are, composed", async () => {
    for (const displayName of ["Ärzte & Söhne", "東京 支店", "می\u200cخواهم", "שלום", "👩\u200d🚀 Space"]) {
      const answer = await service.call("PATCH", at(""), {
        body: { displayName: displayName.normalize("NFD") },
      });
      expect(answer.body.displayName).toBe(displayName.normalize("NFC"));
    }
  });

  it.each([
    [
      "an address with a header in it",
      { ...ada, email: "ada@acme.example\r\nBcc: all@acme.example" },
      "body.email",
    ],
    ["an address in Cyrillic", { ...ada, email: "\u0430da@acme.example" }, "body.email"],
    ["a telephone number of letters", { ...ada, phone: "+49 CALL ME" }, "body.phone"],
    ["a role that is none", { ...ada, role: "boss" }, "body.role"],
  ])("a contact with %s is refused", async (_name, body, field) => {
    refused(await service.call("POST", at("/contacts"), { body }), field);
  });

  it.each(["a b", "caf\u00e9", "a\r\nb", "", "x".repeat(201), `a${ZERO_WIDTH}`])(
    "the external id %j is refused",
    async (externalId) => {
      refused(
        await service.call("PUT", at("/external-ids/crm"), { body: { externalId } }),
        "body.externalId",
      );
    },
  );

  it.each([
    ["sort=slug;drop", "query.sort"],
    ["sort=constructor", "query.sort"],
    ["release=1e400", "query.release"],
    ["release=99999999999999999999", "query.release"],
    ["limit=0x10000", "query.limit"],
    ["search=%27%22%2A", "query.search"],
    [`search=${"a".repeat(201)}`, "query.search"],
    ["label=tier", "query.label"],
    ["health=fine", "query.health"],
    ["region=eu-west-1%27--", "query.region"],
    ["cursor=eyJhIjoxfQ", "query.cursor"],
  ])("the query %s is refused", async (query, field) => {
    refused(await service.call("GET", `${controlPlane}/tenants?${query}`), field);
  });

  it("words of a search are words, whatever they mean to a database", async () => {
    for (const search of ["acme' OR 1=1 --", 'NEAR("acme" "x")', "acm* AND bolt", "%", "acme:A & !x"]) {
      const query = new URLSearchParams({ search });
      const { status } = await service.call("GET", `${controlPlane}/tenants?${query}`);
      expect([search, status]).toEqual([search, search === "%" ? 422 : 200]);
    }
    expect(await slugs(new URLSearchParams({ search: "acme' OR" }).toString())).toEqual([]);
  });

  it("a version that is no number is refused", async () => {
    for (const version of ["0", "-1", "1.5", "1e99", "99999999999", "x"]) {
      refused(await service.call("GET", at(`/versions/${version}`)), "path.recordVersion");
    }
  });
});

function refused(answer: Answer, field: string): void {
  expect([answer.status, answer.body.code, answer.body.errors?.[0]?.path]).toEqual([
    422,
    "invalid_request",
    field,
  ]);
}
