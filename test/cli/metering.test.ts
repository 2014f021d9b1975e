import { afterAll, beforeAll, expect, it } from "vitest";
import { createTenant, startTestService, type TestService } from "../service/harness.ts";
import { type Ended, quickCommandOf } from "./tenantry.ts";

let service: TestService;
let cli: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Ended>;
let tenantId: string;

beforeAll(async () => {
  service = await startTestService(["--reconcile", "off"]);
  cli = quickCommandOf(service);
  tenantId = await createTenant(service, "metered");
});
afterAll(() => service.stop());

it("usage is told, read in a table and exported", async () => {
  const occurredAt = new Date(Date.now() - 60_000).toISOString();
  const event = { eventId: "cli-1", tenantId, meter: "llm_tokens", quantity: 42, occurredAt };
  const told = await cli(["usage", "ingest", "--events", JSON.stringify([event]), "--json"]);
  expect(JSON.parse(told.out)).toMatchObject({ accepted: 1, rejected: 0 });
  const totals = await cli(["usage", "total-list", "--tenant", "metered", "--window", "month"]);
  expect(totals.out).toMatch(
    /^from +window +tenant +meter +quantity +events +corrections\n.*llm_tokens +42 +1 +0/,
  );
  const range = ["--from", occurredAt.replace(/T.*/, "T00:00:00Z"), "--to", "2099-01-01T00:00:00Z"];
  const tooLong = await cli(["usage", "export", ...range]);
  expect({ code: tooLong.code, err: tooLong.err }).toMatchObject({
    code: 1,
    err: expect.stringContaining("366 days"),
  });
  const until = new Date(Date.now() + 60_000).toISOString();
  const exported = await cli(["usage", "export", ...range.slice(0, 2), "--to", until, "--format", "csv"]);
  expect(exported.out).toMatch(/^tenantId,meter,.*\r\n.*,llm_tokens,day,.*,42,1,0,.*\r\n# end,1,whole\r\n$/);
});

it("quotas are shown with what is used of them, and an override is made and ended", async () => {
  const quotas = await cli(["tenant", "quotas", "metered"]);
  expect(quotas.out).toMatch(/llmTokensPerMonth +42/);
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const limit = JSON.stringify({ kind: "quota", quota: "eventsPerDay", value: 5 });
  const made = await cli([
    ...["limit-override", "create", "--tenant", "metered", "--limit", limit],
    ...["--reason", "a test", "--expires-at", expiresAt, "--json"],
  ]);
  const { overrideId } = JSON.parse(made.out);
  expect((await cli(["limit-override", "list"])).out).toMatch(/eventsPerDay 5 +yes/);
  const ended = await cli(["limit-override", "end", overrideId, "--reason", "over", "--json"]);
  expect(JSON.parse(ended.out)).toMatchObject({ inForce: false });
});
