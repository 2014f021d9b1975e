import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  controlPlane,
  createRelease,
  createTenant,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;
let tenantId: string;
let count = 0;

beforeAll(async () => {
  service = await startTestService(["--reconcile", "off"]);
  tenantId = await createTenant(service, "metered");
});
afterAll(() => service.stop());

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

function event(more: object = {}) {
  count += 1;
  const usual = { eventId: `e-${count}`, tenantId, meter: "llm_tokens", quantity: 10 };
  return { ...usual, occurredAt: minutesAgo(1), ...more };
}

async function ingest(events: readonly unknown[], more: object = {}) {
  const { status, body } = await service.call("POST", `${controlPlane}/usage/events`, {
    body: { events, ...more },
  });
  expect(status).toBe(200);
  return body;
}

async function total(meter: string, tenant = tenantId): Promise<number> {
  const at = `${controlPlane}/usage/totals?tenantId=${tenant}&meter=${meter}&window=month`;
  const { body } = await service.call("GET", at);
  return body.items.reduce((sum: number, one: { quantity: number }) => sum + one.quantity, 0);
}

const statuses = (body: { results: { status: string }[] }) => body.results.map((one) => one.status);

describe("usage events", () => {
  it("count once, however often and however mixed they are sent", async () => {
    const events = [event(), event({ quantity: 5 })];
    const first = await ingest(events);
    expect(first).toMatchObject({ accepted: 2, duplicates: 0, rejected: 0 });
    expect(first.batchId).toMatch(/^[0-9a-f-]{36}$/);
    const again = await ingest([events[1], event({ quantity: 1 }), events[0]]);
    expect(again).toMatchObject({ accepted: 1, duplicates: 2, rejected: 0 });
    expect(statuses(again)).toEqual(["duplicate", "accepted", "duplicate"]);
    expect(await ingest(events)).toMatchObject({ batchId: null, accepted: 0, duplicates: 2 });
    expect(await total("llm_tokens")).toBe(16);
  });

  const wrong: [string, () => unknown, RegExp][] = [
    ["a text", () => "e-1", /must be an object/],
    ["null", () => null, /must be an object/],
    ["nothing of an event", () => ({}), /is missing/],
    ["a quantity as text", () => event({ quantity: "10" }), /^quantity must be a number/],
    ["a huge quantity", () => event({ quantity: 1e300 }), /^quantity must be at most 1000000000000/],
    ["a negative quantity", () => event({ quantity: -1 }), /^quantity must not be below zero/],
    ["half a token", () => event({ quantity: 0.5 }), /^quantity must be a whole number/],
    ["a tenant that is no id", () => event({ tenantId: "acme" }), /^tenantId must be/],
    ["a meter with SQL in it", () => event({ meter: "x'; drop table usage_events; --" }), /^meter must be/],
    ["an id with a line break", () => event({ eventId: "a\nb" }), /^eventId must be visible/],
    ["an id that is too long", () => event({ eventId: "x".repeat(129) }), /^eventId must have at most 128/],
    ["no time", () => event({ occurredAt: undefined }), /^occurredAt is missing/],
    ["a time that is none", () => event({ occurredAt: "yesterday" }), /^occurredAt must be/],
    ["an unknown member", () => event({ price: 3 }), /unknown fields: price/],
    [
      "a correction of itself",
      () => ({ ...event({ eventId: "x" }), corrects: "x" }),
      /occurredAt must be left out/,
    ],
  ];

  it.each(wrong)("that are wrong are refused one by one: %s", async (_name, sent, message) => {
    const good = event({ meter: "events" });
    const body = await ingest([sent(), good]);
    expect(statuses(body)).toEqual(["rejected", "accepted"]);
    expect(body.results[0]).toMatchObject({ index: 0, reason: "invalid_event" });
    expect(body.results[0].message).toMatch(message);
  });

  it("of unknown meters and tenants, late ones and those of tomorrow say what is wrong", async () => {
    const unknownId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
    const counted = event();
    await ingest([counted]);
    const body = await ingest([
      event({ meter: "no_such" }),
      event({ tenantId: unknownId }),
      event({ occurredAt: minutesAgo(8 * 24 * 60) }),
      event({ occurredAt: minutesAgo(-60) }),
      { ...counted, quantity: 999 },
      event({ occurredAt: undefined, corrects: "not-there", quantity: -1 }),
    ]);
    expect(body.results.map((one: { reason: string }) => one.reason)).toEqual([
      ...["unknown_meter", "unknown_tenant", "too_late", "in_future", "event_id_reused", "unknown_original"],
    ]);
    expect(body).toMatchObject({ batchId: null, accepted: 0, rejected: 6 });
  });

  it.each([
    ["no events", { events: [] }, "body.events"],
    ["too many", { events: Array.from({ length: 1_001 }, () => ({})) }, "body.events"],
    ["no list", { events: {} }, "body.events"],
    ["an unknown member", { events: [{}], price: 1 }, "body.price"],
  ])("in a body that is wrong as a whole are refused as a whole: %s", async (_name, body, path) => {
    const answer = await service.call("POST", `${controlPlane}/usage/events`, { body });
    expect(answer).toMatchObject({ status: 422, body: { code: "invalid_request", errors: [{ path }] } });
  });

  it("come one a line, too, and a line that is broken keeps no other back", async () => {
    const lines = [JSON.stringify(event({ meter: "api_requests" })), "{oops", "", '{"eventId":"z"}'];
    const answer = await service.call("POST", `${controlPlane}/usage/events`, {
      raw: lines.join("\n"),
      headers: { "content-type": "application/x-ndjson" },
    });
    expect(answer.status).toBe(200);
    expect(statuses(answer.body)).toEqual(["accepted", "rejected", "rejected"]);
    expect(await total("api_requests")).toBe(10);
    const csv = await service.call("POST", `${controlPlane}/usage/events`, {
      raw: "a,b",
      headers: { "content-type": "text/csv" },
    });
    expect(csv).toMatchObject({ status: 415, body: { code: "unsupported_media_type" } });
    expect(csv.body.detail).toContain("application/x-ndjson");
  });

  it("are answered alike under one Idempotency-Key", async () => {
    const headers = { "idempotency-key": "batch-1" };
    const body = { events: [event({ meter: "workflow_runs", quantity: 1 })] };
    const first = await service.call("POST", `${controlPlane}/usage/events`, { body, headers });
    const second = await service.call("POST", `${controlPlane}/usage/events`, { body, headers });
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(second.body).toEqual(first.body);
  });

  it("write one audit event a batch with something new, and no link for a repetition", async () => {
    const links = async () => {
      const { body } = await service.call(
        "GET",
        `${controlPlane}/audit/events?action=usage.counted&limit=200`,
      );
      return body.items.length as number;
    };
    const before = await links();
    const events = Array.from({ length: 500 }, () => event({ meter: "connector_operations" }));
    await ingest(events);
    await ingest(events);
    expect(await links()).toBe(before + 1);
  });

  it("are counted in /metrics by what came of them", async () => {
    const { body } = await service.call("GET", "/metrics");
    expect(body).toMatch(/tenantry_usage_events_total\{status="accepted"\} [1-9]/);
    expect(body).toMatch(/tenantry_usage_events_total\{status="rejected"\} [1-9]/);
  });
});

describe("the export of usage", () => {
  const range = () => `from=${minutesAgo(60 * 24 * 40)}&to=${minutesAgo(-60 * 24)}`;

  it("gives totals as NDJSON with an end, and as CSV that no spreadsheet takes for formulas", async () => {
    const other = await createTenant(service, "exported");
    await ingest([event({ tenantId: other, eventId: "=1+1", meter: "events", quantity: 3 })]);
    const query = `tenantId=${other}&${range()}`;
    const ndjson = await service.call("GET", `${controlPlane}/usage/export?window=month&${query}`);
    expect(ndjson.headers.get("content-type")).toContain("application/x-ndjson");
    const text = typeof ndjson.body === "string" ? ndjson.body : JSON.stringify(ndjson.body);
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([
      { tenantId: other, meter: "events", window: "month", quantity: 3, events: 1 },
      { end: true, rows: 1, more: false },
    ]);
    const csv = await service.call("GET", `${controlPlane}/usage/export?of=events&format=csv&${query}`);
    const [head, row, end] = String(csv.body).split("\r\n");
    expect(head).toBe("eventId,tenantId,meter,quantity,occurredAt,receivedAt,corrects,batchId");
    expect(row).toMatch(new RegExp(`^'=1\\+1,${other},events,3,`));
    expect(end).toBe("# end,1,whole");
  });

  it.each([
    ["a range that ends before it begins", "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "query.to"],
    ["a range of years", "from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "query.to"],
    ["no range", "of=totals", "query.from"],
  ])("refuses %s", async (_name, query, path) => {
    const answer = await service.call("GET", `${controlPlane}/usage/export?${query}`);
    expect(answer).toMatchObject({ status: 422, body: { code: "invalid_request" } });
    expect(answer.body.errors[0].path).toBe(path);
  });

  it("refuses names that are nobody's instead of answering that nothing was used", async () => {
    const unknownId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
    const { body } = await service.call("GET", `${controlPlane}/usage/totals?tenantId=${unknownId}`);
    expect(body.code).toBe("tenant_not_found");
    const meter = await service.call("GET", `${controlPlane}/usage/totals?meter=no_such`);
    expect(meter.body.code).toBe("meter_not_found");
  });
});

describe("quotas", () => {
  it("signal their thresholds as events of the tenant, soon after the batch", async () => {
    const other = await createTenant(service, "signalled");
    const body = {
      tenantId: other,
      limit: { kind: "quota", quota: "eventsPerDay", value: 10 },
      ...{ reason: "a test", expiresAt: minutesAgo(-60) },
    };
    const made = await service.call("POST", `${controlPlane}/limit-overrides`, { body });
    expect(made).toMatchObject({ status: 201, body: { inForce: true, limit: { value: 10 } } });
    const at = new Date().toISOString();
    await ingest([event({ tenantId: other, meter: "events", quantity: 12, occurredAt: at })]);
    const told = await waitFor("both signals", async () => {
      const rows = await service
        .registry()
        .read((db) =>
          db.selectFrom("outbox").select(["type", "payload"]).where("stream", "=", other).execute(),
        );
      const found = rows.filter(({ type }) => /^quota\./.test(type));
      return found.length === 2 ? found : undefined;
    });
    expect(told.map(({ type }) => type)).toEqual(["quota.threshold_reached", "quota.exceeded"]);
    const quotas = await service.call("GET", `${controlPlane}/tenants/${other}/quotas`);
    const state = quotas.body.items.find((one: { quota: string }) => one.quota === "eventsPerDay");
    expect(state).toMatchObject({ used: 12, limit: 10, source: "override", exceeded: true });
    const asked = await service.call("GET", `${controlPlane}/tenants/${other}/quotas/eventsPerDay?wanted=1`);
    expect(asked.body).toMatchObject({ allowed: false, hint: expect.stringContaining("limit-overrides") });
    const refused = await ingest([event({ tenantId: other, meter: "events", occurredAt: at })], {
      overQuota: "refuse",
    });
    expect(refused.results[0]).toMatchObject({ status: "rejected", reason: "quota_exceeded" });
  });

  it.each([
    ["targets", 0, "must stay within 0 targets, and this would make it 1."],
    // Five services of a quarter of a vCPU each, at rest.
    ["computeUnits", 1, "must stay within 1 vCPUs at rest, and this would make it 1.25."],
  ])("keep a tenant from being activated past its %s", async (quota, value, told) => {
    const other = await createTenant(service, `crowded-${quota.toLowerCase()}`);
    const body = {
      tenantId: other,
      limit: { kind: "quota", quota, value },
      ...{ reason: "hardly any", expiresAt: minutesAgo(-60) },
    };
    const made = await service.call("POST", `${controlPlane}/limit-overrides`, { body });
    await createRelease(service, "1.0.0");
    const refused = await service.call("POST", `${controlPlane}/tenants/${other}/activate`, { body: {} });
    expect(refused).toMatchObject({ status: 409, body: { code: "quota_exceeded" } });
    expect(refused.body.detail).toContain(told);
    expect(refused.body.hint).toContain("limit-overrides");
    const targets = await service.call("GET", `${controlPlane}/tenants/${other}/targets`);
    expect(targets.body.items).toEqual([]);
    const end = `${controlPlane}/limit-overrides/${made.body.overrideId}/end`;
    const ended = await service.call("POST", end, { body: { reason: "enough" } });
    expect(ended.body).toMatchObject({ inForce: false, endReason: "enough" });
    const accepted = await service.call("POST", `${controlPlane}/tenants/${other}/activate`, { body: {} });
    expect(accepted.status).toBe(202);
    const { items } = (
      await service.call("GET", `${controlPlane}/audit/events?targetId=${made.body.overrideId}`)
    ).body;
    expect(items.map((one: { action: string; reason: string }) => [one.action, one.reason])).toEqual([
      ["limit_override.ended", "enough"],
      ["limit_override.created", "hardly any"],
    ]);
  });

  it("take no override for ever, of the past, or of an operation that is not there", async () => {
    const limit = { kind: "quota", quota: "targets", value: 1 };
    const post = (more: object) =>
      service.call("POST", `${controlPlane}/limit-overrides`, {
        body: { tenantId, limit, reason: "a test", expiresAt: minutesAgo(-60), ...more },
      });
    for (const expiresAt of [minutesAgo(1), minutesAgo(-60 * 24 * 400)])
      expect((await post({ expiresAt })).body).toMatchObject({ errors: [{ path: "body.expiresAt" }] });
    const rate = { kind: "rate", operationId: "tenantFly", requests: 1 };
    expect((await post({ limit: rate })).body).toMatchObject({
      errors: [{ path: "body.limit.operationId" }],
    });
    const unknown = { kind: "quota", quota: "luck", value: 1 };
    expect(await post({ limit: unknown })).toMatchObject({ status: 422 });
    expect(await post({ limit: { ...limit, value: 1e300 } })).toMatchObject({ status: 422 });
  });
});
