import { expect, it } from "vitest";
import { limitOverrideCreate } from "../../registry/limitOverride.ts";
import { outboxPending } from "../../registry/outbox.ts";
import { quotaAsk, quotaCheck, tenantQuotas } from "../../registry/quota.ts";
import { usageSignalsUntold, usageSignalTell } from "../../registry/usageSignal.ts";
import { addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";
import { eventsFor, HOUR_MS, reasons, send, totalsOf } from "./usageFixtures.ts";

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
