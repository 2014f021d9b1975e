import { expect, it } from "vitest";
import { QUOTA_KEYS, type QuotaKey } from "../../contract/quota.ts";
import type { UsageEvent } from "../../contract/usage.ts";
import { limitOverrideCreate } from "../../registry/limitOverride.ts";
import { outboxPending } from "../../registry/outbox.ts";
import { quotaAsk, quotaCheck, tenantQuotas } from "../../registry/quota.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { usageSignalsUntold, usageSignalTell } from "../../registry/usageSignal.ts";
import { addPlane, addTenant, context, newTarget, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";
import { eventsFor, HOUR_MS, reasons, send, totalsOf } from "./usageFixtures.ts";

/** Within the window, and the last before it. */
const metered = (meter: string, before: string): readonly Partial<UsageEvent>[] => [
  { meter, quantity: 3 },
  { meter, quantity: 4 },
  { meter, quantity: 900, occurredAt: before },
];
const YESTERDAY = "2026-02-28T23:59:59.999Z";
/** What the plan starter gives of each, and what each makes of two targets and of events. */
const QUOTA_TABLE: Readonly<
  Record<QuotaKey, { limit: number; used: number; events?: readonly Partial<UsageEvent>[] }>
> = {
  targets: { limit: 4, used: 2 },
  // Five services of a quarter of a vCPU each, twice.
  computeUnits: { limit: 5, used: 2.5 },
  // The hour that ended at nine speaks, and not the one before it.
  storageGib: { limit: 10, used: 7, events: metered("storage_gib_hours", "2026-03-01T07:59:59.999Z") },
  connections: { limit: 5, used: 4, events: metered("connections", YESTERDAY) },
  eventsPerDay: { limit: 100_000, used: 7, events: metered("events", YESTERDAY) },
  connectorOperationsPerDay: { limit: 10_000, used: 7, events: metered("connector_operations", YESTERDAY) },
  llmTokensPerMonth: { limit: 20_000_000, used: 7, events: metered("llm_tokens", YESTERDAY) },
};

describeDialects("quotas", (create) => {
  async function begin() {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { tenantId } = await addTenant(registry, "acme");
    const override = (value: number | null, hours = 24) =>
      registry.change(context, (change) =>
        limitOverrideCreate(change, {
          tenantId,
          limit: { kind: "quota", quota: "eventsPerDay", value },
          reason: "a test",
          expiresAt: new Date(clock.now().getTime() + hours * HOUR_MS).toISOString(),
        }),
      );
    const metered = eventsFor(tenantId);
    const event = (quantity: number) => metered({ meter: "events", quantity });
    return { clock, registry, tenantId, override, event, now: () => clock.now().toISOString() };
  }

  it("say what is used of them, whence they come, and when they begin anew", async () => {
    const { registry, tenantId, override, event, now } = await begin();
    await send(registry, [event(40)]);
    const stateOf = async () =>
      (await registry.read((db) => tenantQuotas(db, tenantId, now()))).find(
        (one) => one.quota === "eventsPerDay",
      );
    expect(await stateOf()).toMatchObject({ source: "plan", limit: 100_000, used: 40, exceeded: false });
    const { overrideId } = await override(30);
    expect(await stateOf()).toMatchObject({
      ...{ source: "override", overrideId, limit: 30, used: 40, remaining: 0, exceeded: true },
      ...{ window: "day", windowStart: "2026-03-01T00:00:00.000Z", resetsAt: "2026-03-02T00:00:00.000Z" },
    });
    await override(null);
    expect(await stateOf()).toMatchObject({
      source: "override",
      limit: null,
      remaining: null,
      exceeded: false,
    });
  });

  it("each count what they say, and are asked against plan and override", async () => {
    const { registry, tenantId, now } = await begin();
    const metering = eventsFor(tenantId);
    const planes = [await addPlane(registry, "dev"), await addPlane(registry, "prod")];
    await send(
      registry,
      QUOTA_KEYS.flatMap((quota) => QUOTA_TABLE[quota].events ?? []).map((event) => metering(event)),
    );
    await registry.change(context, async (change) => {
      const tenant = await tenantGet(change.db, tenantId);
      for (const plane of planes) await newTarget(change, tenant, plane);
    });
    for (const quota of QUOTA_KEYS) {
      const { limit, used } = QUOTA_TABLE[quota];
      const ask = (wanted: number) => registry.read((db) => quotaAsk(db, tenantId, quota, wanted, now()));
      expect(await ask(0)).toMatchObject({ quota, source: "plan", limit, used, allowed: true });
      expect(await ask(limit - used)).toMatchObject({ allowed: true });
      expect(await ask(limit - used + 0.5)).toMatchObject({ allowed: false });
      const expiresAt = "2026-03-01T10:00:00.000Z";
      const lower = { kind: "quota", quota, value: 1 } as const;
      await registry.change(context, (change) =>
        limitOverrideCreate(change, { tenantId, limit: lower, reason: "a test", expiresAt }),
      );
      expect(await ask(0)).toMatchObject({ source: "override", limit: 1, remaining: 0, exceeded: true });
      const refused = registry.read((db) => quotaCheck(db, tenantId, quota, 0, now()));
      await expect(refused).rejects.toMatchObject({
        code: "quota_exceeded",
        message: expect.stringContaining(`its quota ${quota} must stay within 1 `),
      });
    }
  });

  it("are asked before, refuse with what to do, and let an override end by itself", async () => {
    const { registry, tenantId, override, event, now, clock } = await begin();
    await override(50, 1);
    await send(registry, [event(45)]);
    const ask = (wanted: number) =>
      registry.read((db) => quotaAsk(db, tenantId, "eventsPerDay", wanted, now()));
    expect(await ask(5)).toMatchObject({ allowed: true, hint: null });
    expect(await ask(6)).toMatchObject({ allowed: false, hint: expect.stringContaining("limit-overrides") });
    const refused = registry.read((db) => quotaCheck(db, tenantId, "eventsPerDay", 6, now()));
    await expect(refused).rejects.toMatchObject({
      code: "quota_exceeded",
      message: expect.stringContaining("must stay within 50 events until 2026-03-02"),
    });
    clock.advance(HOUR_MS);
    expect(await ask(6)).toMatchObject({ allowed: true, source: "plan", overrideId: null });
  });

  it("keep events out when the sender says so, and count them otherwise", async () => {
    const { registry, tenantId, override, event } = await begin();
    await override(50);
    const refusing = { overQuota: "refuse" } as const;
    const first = await send(registry, [event(30), event(30), event(20)], refusing);
    expect(reasons(first)).toEqual(["accepted", "quota_exceeded", "accepted"]);
    expect(reasons(await send(registry, [event(1)], refusing))).toEqual(["quota_exceeded"]);
    expect(reasons(await send(registry, [event(1)]))).toEqual(["accepted"]);
    expect(await totalsOf(registry, tenantId)).toMatchObject([{ quantity: 51 }]);
  });

  it("signal 80 and 100 percent once a window, after a crash too", async () => {
    const { registry, tenantId, override, event } = await begin();
    await override(100);
    expect((await send(registry, [event(79)])).signals).toBe(false);
    expect((await send(registry, [event(1)])).signals).toBe(true);
    const big = event(50);
    expect((await send(registry, [big])).signals).toBe(true);
    await send(registry, [
      { eventId: "back", tenantId, meter: "events", quantity: -50, corrects: big.eventId },
    ]);
    await send(registry, [event(50)]);
    const untold = await registry.read((db) => usageSignalsUntold(db, 10));
    expect(untold.map((one) => one.threshold)).toEqual([80, 100]);
    for (const signal of [...untold, ...untold])
      await registry.change(context, (change) => usageSignalTell(change, signal), { tenantId });
    expect(await registry.read((db) => usageSignalsUntold(db, 10))).toEqual([]);
    const told = (await registry.read((db) => outboxPending(db, 100))).filter(({ type }) =>
      /^quota\./.test(type),
    );
    expect(told).toMatchObject([
      {
        stream: tenantId,
        type: "quota.threshold_reached",
        payload: { quota: "eventsPerDay", used: 80, limit: 100 },
      },
      { stream: tenantId, type: "quota.exceeded", payload: { threshold: 100, used: 130, window: "day" } },
    ]);
  });

  it("signal what became too much by a smaller bound, and no second time", async () => {
    const { registry, override, event } = await begin();
    await override(100);
    expect((await send(registry, [event(60)])).signals).toBe(false);
    await override(50);
    expect((await send(registry, [event(1)])).signals).toBe(true);
    const untold = await registry.read((db) => usageSignalsUntold(db, 10));
    expect(untold.map((one) => one.threshold)).toEqual([80, 100]);
    expect((await send(registry, [event(1)])).signals).toBe(false);
  });
});
