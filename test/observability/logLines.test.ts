import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  plane,
  startTestService,
  type TestService,
  waitFor,
} from "../service/harness.ts";

type Line = Readonly<Record<string, unknown>>;

let service: TestService;
let tenantId: string;
let operationId: string;

const lines = (): Line[] =>
  readFileSync(path.join(service.dataDir, "service.log"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

const linesOf = (correlationId: string) => lines().filter((line) => line.correlationId === correlationId);

beforeAll(async () => {
  service = await startTestService(["--log-level", "info", "--reconcile", "off"]);
  await createRelease(service, "1.0.0");
  tenantId = await createTenant(service, "acme");
  const headers = { "x-correlation-id": "ticket-4711" };
  // Fails in a way nobody has prepared for, so that the operation has something to log.
  service.world.failures = [new TypeError("undefined is not postgres://acme:hunter2secret@db/acme") as never];
  const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, {
    body: {},
    headers,
  });
  operationId = body.operations[0].operationId;
  await ended(service, operationId);
});
afterAll(() => service.stop());

describe("log lines", () => {
  it("of an operation say which, whose, where, and what asked for it", () => {
    const ofOperation = lines().filter((line) => line.operationId === operationId);
    expect(ofOperation.map(({ msg }) => msg)).toContain("a step failed unforeseen");
    for (const line of ofOperation) {
      expect(line).toMatchObject({
        ...{ tenantId, environment: "dev", planeName: plane, kind: "tenant_activate" },
        correlationId: "ticket-4711",
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    }
  });

  it("of a request and of what it led to have the same request id", async () => {
    const found = await waitFor("the request's line", async () => {
      const ours = linesOf("ticket-4711");
      return ours.some(({ msg }) => msg === "request") ? ours : undefined;
    });
    expect(new Set(found.map(({ requestId }) => requestId)).size).toBe(1);
    const request = found.find(({ msg }) => msg === "request");
    expect(request).toMatchObject({ operation: "tenantActivate", tenantId, environment: "dev", status: 202 });
    expect(request).not.toHaveProperty("operationId");
  });

  it("of a request that another one woke something for keep to their own", async () => {
    await service.call("GET", `${controlPlane}/tenants`, { headers: { "x-correlation-id": "list-1" } });
    const [line, ...others] = await waitFor("the list's line", async () => {
      const ours = linesOf("list-1");
      return ours.length > 0 ? ours : undefined;
    });
    expect(others).toEqual([]);
    expect(line).toMatchObject({ operation: "tenantList", status: 200 });
    expect(line).not.toHaveProperty("tenantId");
    expect(line).not.toHaveProperty("environment");
  });

  it("of a request that makes a tenant name it", async () => {
    const headers = (name: string) => ({ headers: { "x-correlation-id": name } });
    const body = { slug: "globex", displayName: "Globex", plan: "starter", planes: [plane] };
    const made = await service.call("POST", `${controlPlane}/tenants`, { body, ...headers("make-1") });
    await waitFor("its line", async () => linesOf("make-1")[0]);
    expect(linesOf("make-1")[0]).toMatchObject({ tenantId: made.body.tenantId, environment: "dev" });
  });

  it("of a change to a tenant name where it is, also when no plane is named", async () => {
    const headers = { "x-correlation-id": "rename-1" };
    await service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, {
      body: { displayName: "A" },
      headers,
    });
    await waitFor("its line", async () => linesOf("rename-1")[0]);
    expect(linesOf("rename-1")[0]).toMatchObject({ tenantId, environment: "dev", status: 200 });
  });

  it.each([
    ["a tenant", () => `/tenants/${tenantId}`],
    ["a tenant's targets", () => `/tenants/${tenantId}/targets`],
    ["an operation", () => `/operations/${operationId}`],
    ["a list for a tenant on a plane", () => `/drift?tenantId=${tenantId}&plane=${plane}`],
  ])("of reading %s name whose it is and where", async (what, path) => {
    const id = `read-${what.replaceAll(/\W/g, "-")}`;
    const answer = await service.call("GET", `${controlPlane}${path()}`, {
      headers: { "x-correlation-id": id },
    });
    expect(answer.status).toBe(200);
    const line = await waitFor("its line", async () => linesOf(id)[0]);
    expect(line).toMatchObject({ tenantId, environment: "dev", status: 200 });
  });

  it("of a refusal name the tenant that the path names", async () => {
    const missing = "00000000-0000-4000-8000-000000000000";
    const headers = { "x-correlation-id": "gone-1" };
    await service.call("GET", `${controlPlane}/tenants/${missing}`, { headers });
    await waitFor("the refusal's line", async () => linesOf("gone-1")[0]);
    expect(linesOf("gone-1")[0]).toMatchObject({ tenantId: missing, status: 404 });
  });

  it("hold no secret: no key, and nothing that an error quotes", async () => {
    const { body } = await service.call("POST", `${controlPlane}/api-keys`, {
      body: { name: "ci", role: "auditor" },
    });
    expect(body.secret).toMatch(/^tk_/);
    await service.call("GET", `${controlPlane}/tenants?cursor=${body.secret}`, { key: body.secret });
    await service.call("GET", `${controlPlane}/tenants/${body.secret}`);
    await waitFor("the refusal's line", async () => lines().find((line) => line.path === "[redacted]"));
    const text = readFileSync(path.join(service.dataDir, "service.log"), "utf8");
    expect(text).toContain("undefined is not [redacted]");
    for (const secret of [body.secret, service.adminKey, "hunter2secret"]) expect(text).not.toContain(secret);
  });
});
