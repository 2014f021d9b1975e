import { createParser, type EventSourceMessage } from "eventsource-parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  controlPlane,
  createRelease,
  createTenant,
  dump,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

const post = (at: string, body: object, headers: Record<string, string> = {}) =>
  service.call("POST", `${controlPlane}${at}`, { body, headers });

describe("Idempotency-Key", () => {
  it("answers a repeated request as before and does nothing twice", async () => {
    const headers = { "idempotency-key": "create-once" };
    const tenant = { slug: "once", displayName: "Once", plan: "starter" };
    const first = await post("/tenants", tenant, headers);
    const before = await dump(service);
    const second = await post("/tenants", tenant, headers);
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await dump(service)).toBe(before);
  });

  it("refuses the key for another body", async () => {
    const headers = { "idempotency-key": "one-body" };
    await post("/tenants", { slug: "body-a", displayName: "A", plan: "starter" }, headers);
    const other = await post("/tenants", { slug: "body-b", displayName: "B", plan: "starter" }, headers);
    expect(other).toMatchObject({ status: 422, body: { code: "idempotency_key_reuse" } });
  });

  it.each([
    { header: "if-match", values: ['"1"', '"2"'] },
    { header: "x-tenantry-force-reason", values: ["an incident is on", "another one is"] },
  ])(
    "refuses the key for another $header, or for none",
    async ({ header, values: [one = "", other = ""] }) => {
      const tenantId = await createTenant(service, header === "if-match" ? "matched" : "forced");
      const patch = (value?: string) =>
        service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, {
          body: { displayName: "Renamed" },
          headers: { "idempotency-key": `patch-${tenantId}`, ...(value && { [header]: value }) },
        });
      const first = await patch(one);
      expect(first.status).toBe(200);
      const again = await patch(one);
      expect(again.headers.get("idempotency-replayed")).toBe("true");
      for (const value of [other, undefined])
        expect(await patch(value)).toMatchObject({ status: 422, body: { code: "idempotency_key_reuse" } });
    },
  );

  it("never shows a secret again", async () => {
    const headers = { "idempotency-key": "one-key" };
    const first = await post("/api-keys", { name: "ci", role: "fleet_operator" }, headers);
    expect(first.body.secret).toMatch(/^tk_/);
    const second = await post("/api-keys", { name: "ci", role: "fleet_operator" }, headers);
    expect(second.body).toEqual({ ...first.body, secret: null });
    expect(await dump(service)).not.toContain(first.body.secret.slice(16));
  });

  it("gives the operations of an activation again, not new ones", async () => {
    const tenantId = await createTenant(service, "twice");
    const headers = { "idempotency-key": "activate-once" };
    const first = await post(`/tenants/${tenantId}/activate`, {}, headers);
    const second = await post(`/tenants/${tenantId}/activate`, {}, headers);
    expect(second.body.operations.map((one: { operationId: string }) => one.operationId)).toEqual(
      first.body.operations.map((one: { operationId: string }) => one.operationId),
    );
  });
});

describe("the event stream", () => {
  async function read(operationId: string, headers: Record<string, string> = {}, stopAfter = 1_000) {
    const events: EventSourceMessage[] = [];
    const parser = createParser({ onEvent: (event) => void events.push(event) });
    const leave = new AbortController();
    const response = await fetch(`${service.url()}${controlPlane}/operations/${operationId}/events`, {
      headers: { authorization: `Bearer ${service.adminKey}`, ...headers },
      signal: leave.signal,
    });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      if (events.length >= stopAfter) break;
    }
    leave.abort();
    return events;
  }

  it("tells everything in order, ends, and goes on after Last-Event-ID", async () => {
    const tenantId = await createTenant(service, "streamed");
    let open: () => void = () => undefined;
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const accepted = await post(`/tenants/${tenantId}/activate`, {});
    const { operationId } = accepted.body.operations[0];
    await waitFor("the run", async () => service.world.runs.find((entry) => entry.includes(tenantId)));
    const begun = await read(operationId, {}, 4);
    setTimeout(open, 100);
    service.world.gate = undefined;
    const lastId = begun.at(-1)?.id ?? "";
    const rest = await read(operationId, { "last-event-id": lastId });
    expect(rest.at(-1)).toMatchObject({ event: "end" });
    const ids = [...begun, ...rest.slice(0, -1)].map((event) => Number(event.id));
    expect(ids).toEqual(ids.map((_, index) => index + 1));
    expect(begun[0]).toMatchObject({ event: "created" });
    const types = rest.map((event) => event.event);
    expect(types).toContain("progress");
    expect(types.slice(-2)).toEqual(["succeeded", "end"]);
    const all = await read(operationId);
    expect(all.map((event) => event.id)).toEqual([...ids.map(String), undefined]);
    for (const past of [ids.length, ids.length + 100]) {
      expect(await read(operationId, { "last-event-id": String(past) })).toMatchObject([{ event: "end" }]);
    }
    expect(JSON.parse(all[1]?.data ?? "{}")).toMatchObject({ operationId, sequence: 2, type: "started" });
  });
});

describe("what needs no key", () => {
  it("answers health and readiness", async () => {
    expect(await service.call("GET", "/health", { key: null })).toMatchObject({
      status: 200,
      body: { status: "ok" },
    });
    expect(await service.call("GET", "/readiness", { key: null })).toMatchObject({ status: 200 });
  });

  it("serves the API page from this host alone", async () => {
    const { status, body, headers } = await service.call("GET", "/docs", { key: null });
    expect(status).toBe(200);
    expect(body).not.toMatch(/https?:\/\//);
    const policy = headers.get("content-security-policy");
    for (const rule of ["default-src 'none'", "script-src 'self'", "connect-src 'self'"])
      expect(policy).toContain(rule);
    for (const asset of ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"]) {
      expect((await service.call("GET", `/docs/${asset}`, { key: null })).status).toBe(200);
    }
    const openApi = await service.call("GET", "/openapi.json", { key: null });
    expect(openApi.body).toMatchObject({ openapi: "3.1.0" });
  });

  it("keeps the metrics behind a key", async () => {
    expect((await service.call("GET", "/metrics", { key: null })).status).toBe(401);
    const { body } = await service.call("GET", "/metrics");
    expect(body).toContain("tenantry_operation_duration_seconds_count");
    expect(body).toContain('operation="tenantCreate"');
  });
});

describe("every answer", () => {
  it("carries ids and safe headers, and takes a correlation id", async () => {
    const sent = await service.call("GET", "/health", { headers: { "x-correlation-id": "ticket-4711" } });
    expect(sent.headers.get("x-correlation-id")).toBe("ticket-4711");
    expect(sent.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(sent.headers.get("x-content-type-options")).toBe("nosniff");
    expect(sent.headers.get("x-powered-by")).toBeNull();
    const odd = await service.call("GET", "/health", { headers: { "x-correlation-id": "a b" } });
    expect(odd.headers.get("x-correlation-id")).toBe(odd.headers.get("x-request-id"));
  });

  it.each([
    ["GET", "/V1/Control-Plane/TENANTS?limit=1", 200],
    ["GET", "/v1/control-plane/tenants/", 200],
    ["PUT", "/v1/control-plane/Tenants", 405],
    ["OPTIONS", "/v1/control-plane/tenants", 405],
    ["GET", "/v1/control-plane/tenants/a/b/c", 404],
    ["GET", "/v1/control-plane/%74enants", 404],
    ["GET", "/v1/control-plane", 404],
  ])("is what its path asks for, however that is written: %s %s", async (method, path, status) => {
    expect((await service.call(method, path)).status).toBe(status);
  });

  it("puts the correlation id on the operation and the audit trail", async () => {
    const tenantId = await createTenant(service, "correlated");
    const headers = { "x-correlation-id": "ticket-4712" };
    await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {}, headers });
    const { body } = await service.call("GET", `${controlPlane}/operations?tenantId=${tenantId}`);
    expect(body.items[0]).toMatchObject({ correlationId: "ticket-4712" });
    await waitFor("the end", async () => {
      const events = await service.call(
        "GET",
        `${controlPlane}/audit/events?tenantId=${tenantId}&action=tenant.activated`,
      );
      return events.body.items[0]?.correlationId === "ticket-4712" ? true : undefined;
    });
  });

  it("lists pages by cursor without gaps or repeats", async () => {
    const seen: string[] = [];
    let cursor = "";
    do {
      const { body } = await service.call("GET", `${controlPlane}/tenants?limit=2${cursor}`);
      seen.push(...body.items.map((tenant: { slug: string }) => tenant.slug));
      cursor = body.nextCursor === null ? "" : `&cursor=${body.nextCursor}`;
    } while (cursor !== "");
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toContain("once");
    expect(await run(service, "/drift/repairs")).toEqual([]);
  });
});
