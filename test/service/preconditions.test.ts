import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DnsServer, startDnsServer } from "../domains/dnsServer.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

/** What is set whole and replaced whole: nobody replaces what they have not seen. */
let service: TestService;
let dns: DnsServer;
let tenantId = "";
beforeAll(async () => {
  dns = await startDnsServer();
  service = await startTestService(["--dns-servers", dns.address, "--domain-look-ms", "3600000"]);
  await createRelease(service, "1.0.0");
  tenantId = await createTenant(service, "acme");
  await service.call("POST", `${controlPlane}/flags`, { body: { flagKey: "new-view" } });
});
afterAll(async () => {
  await service.stop();
  await dns.close();
});

const reason = "because of a test";
const send = (method: string, path: string, body?: object, version?: number) =>
  service.call(method, `${controlPlane}${path}`, {
    ...(body && { body }),
    ...(version !== undefined && { headers: { "if-match": `"${version}"` } }),
  });
const lost = { status: 412, body: { code: "version_conflict" } };

describe.each([
  ["a flag's override", () => `/flags/new-view/overrides/${tenantId}`, { enabled: true }, { enabled: false }],
  [
    "a region's address",
    () => "/residency/regions/eu-west-1/endpoints/cache",
    { address: "one.example" },
    { address: "two.example" },
  ],
])("%s", (_what, path, one, two) => {
  it("is made, replaced and removed at the version that was read alone", async () => {
    expect(await send("PUT", path(), { ...one, reason }, 1)).toMatchObject(lost);
    const first = await send("PUT", path(), { ...one, reason }, 0);
    expect(first).toMatchObject({ status: 200, body: { ...one, recordVersion: 1 } });
    expect(first.headers.get("etag")).toBe('"1"');
    expect(await send("PUT", path(), { ...two, reason }, 0)).toMatchObject(lost);
    expect((await send("PUT", path(), { ...two, reason }, 1)).body).toMatchObject({
      ...two,
      recordVersion: 2,
    });
    expect((await send("PUT", path(), { ...one, reason })).body.recordVersion).toBe(3);
    expect(await send("DELETE", `${path()}?reason=not+needed`, undefined, 2)).toMatchObject(lost);
    expect((await send("DELETE", `${path()}?reason=not+needed`, undefined, 3)).status).toBe(200);
  });
});

it("retention is set at the version that was read alone", async () => {
  const set = (keepDays: number, version?: number) =>
    send("PUT", "/retention/outbox", { keepDays, reason }, version);
  const { body } = await send("GET", "/retention");
  expect(body.items).toContainEqual(expect.objectContaining({ dataClass: "outbox", recordVersion: 0 }));
  expect(await set(30, 4)).toMatchObject(lost);
  expect((await set(30, 0)).body).toMatchObject({ keepDays: 30, recordVersion: 1 });
  expect(await set(60, 0)).toMatchObject(lost);
  expect((await set(60, 1)).body).toMatchObject({ keepDays: 60, recordVersion: 2 });
});

it("a domain is verified and given up at the version that was read alone", async () => {
  const { body: domain } = await send("POST", `/tenants/${tenantId}/domains`, { domain: "acme.test" });
  const path = `/tenants/${tenantId}/domains/${domain.domainId}`;
  dns.say(domain.challenge.recordName, domain.challenge.value);
  expect(await send("POST", `${path}/verify`, {}, 2)).toMatchObject(lost);
  expect((await send("POST", `${path}/verify`, {}, 1)).body).toMatchObject({
    status: "verified",
    recordVersion: 2,
  });
  expect(await send("DELETE", path, undefined, 1)).toMatchObject(lost);
  expect((await send("DELETE", path, undefined, 2)).body.status).toBe("removed");
});

it("routing is rolled back and released at the newest version that was seen alone", async () => {
  await run(service, `/tenants/${tenantId}/activate`);
  const routing = `/planes/${plane}/routing`;
  const { body: status } = await send("GET", `${routing}/status`);
  const { version } = status.newest as { version: number };
  const back = (seen: number) => send("POST", `${routing}/rollback`, { toVersion: version, reason }, seen);
  expect(await back(version + 1)).toMatchObject(lost);
  expect((await back(version)).body.newest.version).toBe(version + 1);
  expect(await send("POST", `${routing}/release`, { reason }, version)).toMatchObject(lost);
  expect((await send("POST", `${routing}/release`, { reason }, version + 1)).body.hold).toBeNull();
});
