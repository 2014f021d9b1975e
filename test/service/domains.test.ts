import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DOMAIN_LIMITS, type Domain } from "../../contract/domain.ts";
import { type DnsServer, startDnsServer } from "../domains/dnsServer.ts";
import { settableClock } from "../registry/fixtures.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let dns: DnsServer;
let service: TestService;
let acme = "";
beforeAll(async () => {
  dns = await startDnsServer();
});
afterAll(() => dns.close());
beforeEach(async () => {
  dns.behave("well");
  service = await startTestService(["--dns-servers", dns.address, "--domain-look-ms", "3600000"]);
  await createRelease(service, "1.0.0");
  acme = await createTenant(service, "acme");
});
afterEach(() => service.stop());

const at = (tenantId: string, rest = "") => `${controlPlane}/tenants/${tenantId}/domains${rest}`;
const claim = (tenantId: string, domain: string, more: object = {}) =>
  service.call("POST", at(tenantId), { body: { domain, ...more } });
const verify = (domain: Domain) => service.call("POST", at(domain.tenantId, `/${domain.domainId}/verify`));
const prove = ({ challenge }: Domain) => dns.say(challenge.recordName, "v=spf1 -all", challenge.value);
const claimed = async (tenantId: string, name: string): Promise<Domain> => (await claim(tenantId, name)).body;
const routes = async () => {
  const { status, body } = await service.call("GET", `${controlPlane}/planes/${plane}/routing`);
  return status === 404 ? [] : (body.routes as { host: string; kind: string; tenantId: string }[]);
};
const hosts = async () => (await routes()).map(({ host }) => host);

it("is claimed, proven by its record, routed with its tenant, and given up", async () => {
  const answer = await claim(acme, "Bücher.test.");
  expect(answer.status).toBe(201);
  const domain: Domain = answer.body;
  expect(domain).toMatchObject({
    domain: "xn--bcher-kva.test",
    displayName: "bücher.test",
    status: "pending",
  });
  expect(domain.challenge.recordName).toBe("_tenantry-challenge.xn--bcher-kva.test");

  expect((await verify(domain)).body).toMatchObject({ code: "domain_not_verified" });
  dns.say(domain.challenge.recordName, "tenantry-verification=somebody-else's");
  expect((await verify(domain)).body.detail).toContain("say something else");
  prove(domain);
  expect((await verify(domain)).body).toMatchObject({ status: "verified", problem: null });
  // Nobody answers for a tenant that does not run.
  expect(await hosts()).toEqual([]);

  await run(service, `/tenants/${acme}/activate`);
  expect(await hosts()).toEqual(["acme.dev.tenantry.example", "xn--bcher-kva.test"]);
  await run(service, `/tenants/${acme}/suspend`, { reason: "unpaid" });
  expect(await routes()).toMatchObject([{ state: "suspended" }, { kind: "domain", state: "suspended" }]);

  const gone = await service.call("DELETE", at(acme, `/${domain.domainId}?reason=not+needed`));
  expect(gone.body).toMatchObject({ status: "removed" });
  expect(await hosts()).toEqual(["acme.dev.tenantry.example"]);
  expect((await service.call("GET", at(acme))).body.items).toEqual([]);
  expect((await service.call("GET", at(acme, "?removed=true"))).body.items).toHaveLength(1);
});

it("leaves its trace: events of the tenant, and of the plane's routing", async () => {
  const domain = await claimed(acme, "acme.test");
  await run(service, `/tenants/${acme}/activate`);
  prove(domain);
  await verify(domain);
  const { body } = await service.call("GET", `${controlPlane}/audit/events?tenantId=${acme}`);
  const actions = body.items.map(({ action }: { action: string }) => action);
  expect(actions).toEqual(expect.arrayContaining(["domain.claimed", "domain.verified", "routing.changed"]));
  const types = await service.registry().read(async (db) => {
    const rows = await db.selectFrom("outbox").select("type").where("type", "like", "%").execute();
    return rows.map(({ type }) => type);
  });
  expect(types).toEqual(expect.arrayContaining(["domain.verified", "routing.published"]));
});

it("is verified while a rollback holds the plane, and says that it is routed when that is released", async () => {
  await run(service, `/tenants/${acme}/activate`);
  const [early, late] = [await claimed(acme, "early.test"), await claimed(acme, "late.test")];
  prove(early);
  prove(late);
  expect((await verify(early)).body).toMatchObject({ status: "verified", waitsForRelease: null });
  const routing = `${controlPlane}/planes/${plane}/routing`;
  const { version: toVersion } = (await service.call("GET", routing)).body;
  const reason = "to look at it";
  await service.call("POST", `${routing}/rollback`, { body: { toVersion, reason } });
  expect((await verify(late)).body).toMatchObject({
    ...{ status: "verified", problem: null },
    waitsForRelease: { version: toVersion, reason },
  });
  expect((await verify(early)).body).toMatchObject({ waitsForRelease: null });
  expect(await hosts()).not.toContain("late.test");
  await service.call("POST", `${routing}/release`, { body: { reason } });
  expect(await hosts()).toContain("late.test");
  expect((await verify(late)).body).toMatchObject({ waitsForRelease: null });
});

describe("a claim", () => {
  it.each([
    ["*.acme.test", "must not be a wildcard"],
    ["other.dev.tenantry.example", "the plane dev-eu-west-1's own"],
    ["dev.tenantry.example", "the plane dev-eu-west-1's own"],
    ["acme.test\r\nx-injected: 1", "invisible"],
  ])("of %j is refused", async (domain, why) => {
    const { status, body } = await claim(acme, domain);
    expect({ status, code: body.code }).toEqual({ status: 422, code: "domain_refused" });
    expect(body.detail).toContain(why);
  });

  it("is made once by a tenant, by any tenant, and by none that is gone", async () => {
    await claimed(acme, "acme.test");
    expect((await claim(acme, "ACME.test")).body.code).toBe("duplicate_domain");
    const other = await createTenant(service, "other");
    expect((await claim(other, "acme.test")).status).toBe(201);
    const gone = await createTenant(service, "gone");
    await service.call("DELETE", `${controlPlane}/tenants/${gone}`);
    expect((await claim(gone, "gone.test")).body.code).toBe("illegal_transition");
    expect((await claim(acme, "far.test", { planeName: "prod-eu-west-1" })).body.code).toBe(
      "plane_not_found",
    );
  });

  it("is not seen under another tenant's address", async () => {
    const domain = await claimed(acme, "acme.test");
    const other = await createTenant(service, "other");
    for (const [method, rest] of [
      ["GET", ""],
      ["POST", "/verify"],
      ["DELETE", ""],
    ] as const) {
      const answer = await service.call(method, at(other, `/${domain.domainId}${rest}`));
      expect(answer.body.code).toBe("domain_not_found");
    }
  });
});

describe("a domain that two tenants claim", () => {
  it("stays with the one that has the record, and passes on when only the other's is there", async () => {
    const first = await claimed(acme, "shop.test");
    prove(first);
    await verify(first);
    await run(service, `/tenants/${acme}/activate`);
    const buyer = await createTenant(service, "buyer");
    await run(service, `/tenants/${buyer}/activate`);
    const second = await claimed(buyer, "shop.test");
    expect((await verify(second)).body.code).toBe("domain_not_verified");
    dns.say(first.challenge.recordName, first.challenge.value, second.challenge.value);
    expect((await verify(second)).body.code).toBe("domain_taken");
    expect((await routes()).find(({ host }) => host === "shop.test")).toMatchObject({ tenantId: acme });

    dns.say(first.challenge.recordName, second.challenge.value);
    expect((await verify(second)).body).toMatchObject({ status: "verified" });
    expect((await routes()).filter(({ host }) => host === "shop.test")).toMatchObject([{ tenantId: buyer }]);
    expect((await service.call("GET", at(acme, `/${first.domainId}`))).body.status).toBe("lapsed");
  });

  it("is nobody's change when the DNS does not answer", async () => {
    const first = await claimed(acme, "shop.test");
    prove(first);
    await verify(first);
    dns.behave("servfail");
    const second = await claimed(await createTenant(service, "buyer"), "shop.test");
    expect(await verify(second)).toMatchObject({ status: 409, body: { code: "dns_unavailable" } });
    expect((await service.call("GET", at(acme, `/${first.domainId}`))).body.status).toBe("verified");
  });
});

describe("by itself", () => {
  it("a claim is verified, and a domain without its record lapses after its grace", async () => {
    const clock = settableClock(new Date().toISOString());
    await service.stop();
    service = await startTestService(["--dns-servers", dns.address, "--domain-look-ms", "50"], clock);
    await createRelease(service, "1.0.0");
    const tenantId = await createTenant(service, "acme");
    await run(service, `/tenants/${tenantId}/activate`);
    const domain = await claimed(tenantId, "acme.test");
    prove(domain);
    const status = (wanted: (domain: Domain) => boolean) =>
      waitFor("the domain", async () => {
        const { body } = await service.call("GET", at(tenantId, `/${domain.domainId}`));
        return wanted(body) ? (body as Domain) : undefined;
      });
    const due = () =>
      service.registry().record((books) =>
        books.db
          .updateTable("domainLooks")
          .set({ nextCheckAt: new Date(0).toISOString() })
          .execute(),
      );
    await due();
    await status((one) => one.status === "verified");
    expect(await hosts()).toContain("acme.test");

    dns.forget(domain.challenge.recordName);
    await due();
    const failing = await status((one) => one.failingSince !== null);
    expect(failing).toMatchObject({ status: "verified", problem: expect.stringContaining("no TXT record") });
    expect(await hosts()).toContain("acme.test");
    const since = new Date(Date.now() - DOMAIN_LIMITS.graceMs - 1_000).toISOString();
    await service
      .registry()
      .change(
        { actor: { kind: "system", id: "test", name: "test" }, requestId: "r", correlationId: "c" },
        async (change) => {
          await change.db.updateTable("domains").set({ failingSince: since }).execute();
          await change.audit({ action: "test.time_passed", target: { type: "domain", id: domain.domainId } });
        },
      );
    await due();
    await status((one) => one.status === "lapsed");
    expect(await hosts()).toEqual(["acme.dev.tenantry.example"]);
    prove(domain);
    expect((await verify(domain)).body.status).toBe("verified");
  });
});
