import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createFlagReader } from "../../examples/flags/reader.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

let service: TestService;
let tenantId: string;
beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  await createRelease(service, "2.0.0");
  tenantId = await createTenant(service, "acme", { labels: { tier: "gold" } });
  await run(service, `/tenants/${tenantId}/activate`, { releaseNumber: 1 });
});
afterAll(() => service.stop());

const call = (method: string, at: string, body?: object, headers?: Record<string, string>) =>
  service.call(method, `${controlPlane}${at}`, {
    ...(body !== undefined && { body }),
    ...(headers !== undefined && { headers }),
  });
const deploy = (body: object, headers?: Record<string, string>) =>
  call("POST", `/tenants/${tenantId}/deploy`, body, headers);
const lastAudit = async (action: string) =>
  (await call("GET", `/audit/events?limit=1&action=${action}`)).body.items[0];

describe("a pinned target", () => {
  it("takes its own release only, unless it is forced or the pin is released or expires", async () => {
    const pin = (await call("POST", "/pins", { tenantId, planeName: plane, reason: "acceptance test" })).body;
    expect(pin).toMatchObject({ kind: "pin", releaseNumber: null, expired: false });
    const refused = await deploy({ releaseNumber: 2 });
    expect(refused).toMatchObject({ status: 409, body: { code: "target_pinned" } });
    expect(refused.body.detail).toContain("must stay on release 1, pinned to it");
    await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: 1 });

    const forced = await deploy({ releaseNumber: 2 }, { "X-Tenantry-Force-Reason": "the fix cannot wait" });
    expect(forced.status).toBe(202);
    expect(await lastAudit("pin.forced")).toMatchObject({
      ...{ tenantId, reason: "the fix cannot wait" },
      details: { pinId: pin.pinId, releaseNumber: 2 },
    });
    await settled();
    expect((await deploy({ releaseNumber: 1 })).body.code).toBe("target_pinned");
    const released = await call("POST", `/pins/${pin.pinId}/release`, { reason: "accepted" });
    expect(released.body).toMatchObject({ releaseReason: "accepted" });
    await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: 1 });
    expect((await call("GET", `/pins?tenantId=${tenantId}`)).body.items).toEqual([]);
  });

  it("is refused with an expiry in the past, or for a target or release that is not there", async () => {
    const reason = "acceptance test";
    const past = await call("POST", "/pins", { tenantId, reason, expiresAt: "2020-01-01T00:00:00Z" });
    expect(past).toMatchObject({ status: 422, body: { errors: [{ path: "body.expiresAt" }] } });
    const elsewhere = await call("POST", "/pins", { tenantId, reason, planeName: "prod-eu-west-1" });
    expect(elsewhere).toMatchObject({ status: 409, body: { code: "target_missing" } });
    const unknown = await call("POST", "/pins", { tenantId, reason, releaseNumber: 77 });
    expect(unknown).toMatchObject({ status: 404, body: { code: "release_not_found" } });
  });
});

describe("windows and freezes", () => {
  const freeze = { effect: "deny", reason: "year end", untilAt: "2999-01-01T00:00:00Z" };

  it("keep changes from starting, say until when, and give way to an emergency", async () => {
    const made = await call("POST", "/windows", { ...freeze, planeName: plane });
    expect(made).toMatchObject({ status: 201, body: { untilAt: "2999-01-01T00:00:00.000Z", fromAt: null } });
    const refused = await deploy({ releaseNumber: 2 });
    expect(refused).toMatchObject({ status: 409, body: { code: "window_closed" } });
    expect(refused.body.detail).toContain(`freeze of plane ${plane}: year end`);
    const settings = { change: { config: { settings: { LOG_LEVEL: "debug" } } } };
    const reconfigured = await call("POST", `/tenants/${tenantId}/reconfigure`, settings);
    expect(reconfigured.body).toMatchObject({ code: "window_closed" });
    expect((await call("GET", `/tenants/${tenantId}`)).body.config.settings).toEqual({});

    const evaluated = await call("GET", `/windows/evaluation?tenantId=${tenantId}`);
    expect(evaluated.body).toMatchObject({
      ...{ open: false, opensAt: null, targets: [{ planeName: plane, open: false }] },
      rules: [{ windowId: made.body.windowId }],
    });
    const later = await call("GET", `/windows/evaluation?tenantId=${tenantId}&at=2999-01-01T00:00:00Z`);
    expect(later.body).toMatchObject({ open: true, opensAt: null, why: null });

    await run(service, `/tenants/${tenantId}/deploy`, {
      ...{ releaseNumber: 2, emergency: { reason: "customers cannot sign in" } },
    });
    expect(await lastAudit("window.bypassed")).toMatchObject({
      tenantId,
      reason: "customers cannot sign in",
    });
    await call("DELETE", `/windows/${made.body.windowId}?reason=over`);
    await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: 1 });
    expect((await call("GET", `/windows?plane=${plane}`)).body.items).toEqual([]);
  });

  it("leave onboarding alone", async () => {
    const { windowId } = (await call("POST", "/windows", { ...freeze, planeName: plane })).body;
    const other = await createTenant(service, "globex");
    const [operation] = await run(service, `/tenants/${other}/activate`, { releaseNumber: 1 });
    expect(operation.status).toBe("succeeded");
    await call("DELETE", `/windows/${windowId}`);
  });

  const nightly = {
    effect: "allow",
    cron: "0 2 * * *",
    durationMs: 3_600_000,
    timeZone: "UTC",
    reason: "at night",
  };
  it.each<[string, object, string, string]>([
    ["a zone that is none", { timeZone: "Europe/Belrin" }, "body.timeZone", "Did you mean Europe/Berlin?"],
    ["an offset", { timeZone: "+02:00" }, "body.timeZone", "IANA"],
    ["a pattern that is none", { cron: "61 2 * * *" }, "body.cron", "Minute"],
    ["seconds", { cron: "0 0 2 * * *" }, "body.cron", "Minute"],
    ["a nickname", { cron: "@daily" }, "body.cron", "Minute"],
    ["a day that never comes", { cron: "0 0 30 2 *" }, "body.cron", "Minute"],
    ["both a tenant and a plane", { tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11" }, "body.tenantId", ""],
    ["a beginning beside cron", { fromAt: "2026-01-01T00:00:00Z" }, "body.fromAt", ""],
    ["a window without cron", { cron: undefined }, "body.cron", ""],
    ["a freeze that never ends", { effect: "deny", cron: "0 * * * *" }, "body.durationMs", ""],
    ["more than a week", { durationMs: 8 * 86_400_000 }, "body.durationMs", ""],
  ])("refuse %s", async (_, more, field, hint) => {
    const answer = await call("POST", "/windows", { ...nightly, planeName: plane, ...more });
    expect(answer).toMatchObject({ status: 422, body: { code: "invalid_request" } });
    expect(answer.body.errors[0].path).toBe(field);
    expect(`${answer.body.hint} ${answer.body.errors[0].message}`).toContain(hint);
  });

  it("are refused for a plane that is not there", async () => {
    const answer = await call("POST", "/windows", { ...nightly, planeName: "prod-eu-west-1" });
    expect(answer).toMatchObject({ status: 404, body: { code: "plane_not_found" } });
  });
});

describe("flags", () => {
  it("are read by services, with an ETag that changes only when the answer does", async () => {
    const rules = [{ cohort: { labels: { tier: "gold" } }, enabled: true }];
    const made = await call("POST", "/flags", { flagKey: "new-view", rules });
    expect(made.headers.get("etag")).toBe('"1"');
    const first = await call("GET", `/tenants/${tenantId}/flags`);
    expect(first.body).toMatchObject({
      planeName: plane,
      flags: [{ flagKey: "new-view", enabled: true, reason: "rule 1" }],
    });
    const etag = first.headers.get("etag") ?? "";
    const same = await call("GET", `/tenants/${tenantId}/flags`, undefined, { "If-None-Match": etag });
    expect(same).toMatchObject({ status: 304, body: "" });

    const override = `/flags/new-view/overrides/${tenantId}`;
    const set = await call("PUT", override, { enabled: false, reason: "ticket 4711" });
    expect(set.body).toMatchObject({ enabled: false, expired: false, reason: "ticket 4711" });
    const off = await call("GET", `/tenants/${tenantId}/flags`, undefined, { "If-None-Match": etag });
    expect(off).toMatchObject({ status: 200, body: { flags: [{ enabled: false }] } });
    expect((await call("GET", "/flags/new-view/overrides")).body.items).toHaveLength(1);
    await call("DELETE", `${override}?reason=done`);
    expect((await call("DELETE", override)).body.code).toBe("flag_override_not_found");

    const stale = await call("PATCH", "/flags/new-view", { percentage: 5 }, { "If-Match": '"7"' });
    expect(stale).toMatchObject({ status: 412, body: { code: "version_conflict" } });
    expect((await call("PATCH", "/flags/new-view", { percentage: 5 })).headers.get("etag")).toBe('"2"');
    expect((await call("DELETE", "/flags/new-view")).body.archivedAt).not.toBeNull();
    expect((await call("PUT", override, { enabled: true, reason: "again" })).body.code).toBe("flag_archived");
    expect((await call("GET", `/tenants/${tenantId}/flags`)).body.flags).toEqual([]);
  });
});

describe("incidents, status and impact", () => {
  it("tell of a tenant all that touches it, with health, version and drift apart", async () => {
    const affects = { releaseNumbers: [1] };
    const opened = await call("POST", "/incidents", {
      title: "sign-in fails",
      severity: "critical",
      affects,
      note: "since 9",
    });
    expect(opened).toMatchObject({
      status: 201,
      body: { status: "investigating", openedBy: expect.any(String) },
    });
    const { incidentId } = opened.body;
    const pinned = (await call("POST", "/pins", { tenantId, reason: "until it is over" })).body;
    const { body } = await call("GET", `/tenants/${tenantId}/status`);
    expect(body).toMatchObject({
      ...{ slug: "acme", status: "active", incidents: [{ incidentId }], pins: [{ pinId: pinned.pinId }] },
      targets: [
        {
          ...{ planeName: plane, health: "healthy", version: "current", drift: expect.any(String) },
          ...{ pin: { pinId: pinned.pinId }, window: { open: true }, operation: null },
        },
      ],
    });
    const impact = await call("GET", `/impact?incident=${incidentId}&plane=${plane}&limit=1`);
    expect(impact.body.items).toHaveLength(1);
    expect(impact.body.items[0].why).toContain(
      'the incident "sign-in fails" names its release: it runs release 1',
    );
    const [noted] = [
      await call("POST", `/incidents/${incidentId}/notes`, { text: "the token is AKIAIOSFODNN7EXAMPLE" }),
    ];
    expect(noted?.body.text).not.toContain("AKIAIOSFODNN7EXAMPLE");
    const resolved = await call(
      "PATCH",
      `/incidents/${incidentId}`,
      { status: "resolved" },
      { "If-Match": '"1"' },
    );
    expect(resolved.body).toMatchObject({ status: "resolved", recordVersion: 2 });
    expect((await call("GET", `/incidents/${incidentId}/notes`)).body.items).toHaveLength(2);
    expect((await call("GET", "/incidents?open=true")).body.items).toEqual([]);
    expect((await call("GET", `/tenants/${tenantId}/status`)).body.incidents).toEqual([]);
    await call("POST", `/pins/${pinned.pinId}/release`, { reason: "over" });
  });

  it("want to know what is asked for", async () => {
    expect(await call("GET", "/impact")).toMatchObject({ status: 422, body: { code: "invalid_request" } });
    expect(await call("GET", "/impact?release=99")).toMatchObject({ status: 404 });
    const nobody = { tenantIds: ["0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11"] };
    const answer = await call("POST", "/incidents", {
      title: "of nobody",
      severity: "minor",
      affects: nobody,
    });
    expect(answer).toMatchObject({ status: 404, body: { code: "tenant_not_found" } });
  });
});

/** Until nothing of the tenant runs any more. */
async function settled(): Promise<void> {
  for (;;) {
    const { body } = await call("GET", `/tenants/${tenantId}/status`);
    if (body.targets.every((target: { operation: unknown }) => target.operation === null)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

describe("the example reader", () => {
  it("knows the flags, follows a change, and keeps what it knew when there is no answer", async () => {
    await call("POST", "/flags", { flagKey: "example", defaultEnabled: true });
    const reader = createFlagReader({ url: service.url(), apiKey: service.adminKey, tenantId });
    const away = createFlagReader({ url: "http://127.0.0.1:1", apiKey: "none", tenantId });
    try {
      expect(reader.isOn("example", false)).toBe(false);
      expect(await reader.refresh()).toBe(true);
      expect(reader.isOn("example", false)).toBe(true);
      expect(await reader.refresh()).toBe(true);
      await call("PATCH", "/flags/example", { defaultEnabled: false });
      expect(await reader.refresh()).toBe(true);
      expect([reader.isOn("example", true), reader.isOn("not-there", true)]).toEqual([false, true]);
      expect(await away.refresh()).toBe(false);
      expect(away.isOn("example", true)).toBe(true);
    } finally {
      reader.stop();
      away.stop();
    }
  });
});
