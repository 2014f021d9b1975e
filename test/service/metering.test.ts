import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlPlane, createTenant, startTestService, type TestService } from "./harness.ts";

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

describe("usage events", () => {
  it("count once, however often and however mixed they are sent", async () => {
    const events = [event(), event({ quantity: 5 })];
    const first = await ingest(events);
    expect(first).toMatchObject({ accepted: 2, duplicates: 0, rejected: 0 });
    expect(first.batchId).toMatch(/^[0-9a-f-]{36}$/);
    const again = await ingest([events[1], event({ quantity: 1 }), events[0]]);
    expect(again).toMatchObject({ accepted: 1, duplicates: 2, rejected: 0 });
    expect(again.results.map((one: { status: string }) => one.status)).toEqual([
      "duplicate",
      "accepted",
      "duplicate",
    ]);
    expect(await ingest(events)).toMatchObject({ batchId: null, accepted: 0, duplicates: 2 });
    expect(await total("llm_tokens")).toBe(16);
  });
});
