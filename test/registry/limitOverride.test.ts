import { afterEach, expect, it, vi } from "vitest";
import type { OverriddenLimit } from "../../contract/limitOverride.ts";
import { fromJson } from "../../registry/json.ts";
import { limitOverrideCreate, limitOverrideEnd, limitOverrideGet } from "../../registry/limitOverride.ts";
import { expireOverrides } from "../../service/limits/expireOverrides.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";
import { HOUR_MS } from "./usageFixtures.ts";

afterEach(() => vi.useRealTimers());

const START = "2026-03-01T09:00:00.000Z";
const inHours = (hours: number) => new Date(Date.parse(START) + hours * HOUR_MS).toISOString();
const quota = (value: number): OverriddenLimit => ({ kind: "quota", quota: "targets", value });
const rate: OverriddenLimit = { kind: "rate", operationId: null, requests: 9, windowSeconds: 60 };

describeDialects("overrides of limits", (create) => {
  /** The machine's clock and the registry's are one here. */
  async function begin() {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(START) });
    const registry = await (await create()).open({ now: () => new Date() });
    const { tenantId } = await addTenant(registry, "acme");
    const override = (limit: OverriddenLimit, reason: string, hours: number) =>
      registry.change(context, (change) =>
        limitOverrideCreate(change, { tenantId, limit, reason, expiresAt: inHours(hours) }),
      );
    const trail = () =>
      registry.read((db) =>
        db
          .selectFrom("auditEvents")
          .select(["action", "targetId", "reason", "actorId", "details"])
          .where("tenantId", "=", tenantId)
          .where("targetType", "=", "limit_override")
          .orderBy("sequence")
          .execute(),
      );
    const told = () =>
      registry.read((db) =>
        db
          .selectFrom("outbox")
          .select("type")
          .where("stream", "=", tenantId)
          .where("type", "like", "limit_override.%")
          .orderBy("sequence")
          .execute(),
      );
    const get = (id: string) => registry.read((db) => limitOverrideGet(db, id, new Date().toISOString()));
    return { registry, tenantId, override, trail, told, get };
  }

  it("are audited with their reason when made, replaced and ended, and ended once", async () => {
    const { registry, override, trail, told, get } = await begin();
    const first = await override(quota(3), "black week, ticket 1", 24);
    const second = await override(quota(9), "blacker week, ticket 2", 48);
    const other = await override(rate, "they poll", 24);
    expect(await get(first.overrideId)).toMatchObject({
      ...{ inForce: false, endedBy: "key-of-ada", endReason: "replaced by another" },
    });
    for (const reason of ["the week is over, ticket 3", "again"])
      await registry.change(context, (change) => limitOverrideEnd(change, second.overrideId, reason));
    const facts = (await trail()).map(({ details, ...row }) => ({ ...row, details: fromJson(details) }));
    expect(facts).toMatchObject([
      {
        ...{ action: "limit_override.created", targetId: first.overrideId, actorId: "key-of-ada" },
        ...{ reason: "black week, ticket 1" },
        details: { limit: quota(3), expiresAt: inHours(24), replaces: null },
      },
      {
        ...{ action: "limit_override.created", targetId: second.overrideId },
        ...{ reason: "blacker week, ticket 2", details: { limit: quota(9), replaces: first.overrideId } },
      },
      {
        ...{ action: "limit_override.created", targetId: other.overrideId, reason: "they poll" },
        details: { limit: rate, replaces: null },
      },
      {
        ...{ action: "limit_override.ended", targetId: second.overrideId, actorId: "key-of-ada" },
        ...{ reason: "the week is over, ticket 3", details: { limit: quota(9) } },
      },
    ]);
    expect((await told()).map(({ type }) => type)).toEqual(facts.map(({ action }) => action));
  });

  it("decide nothing from their end on, which a pass then writes down once, as nobody's doing", async () => {
    const { registry, override, trail, get } = await begin();
    const short = await override(quota(3), "an hour's peak", 1);
    const long = await override(rate, "a day's", 24);
    await expireOverrides({ registry });
    expect(await get(short.overrideId)).toMatchObject({ inForce: true, endedAt: null });
    vi.setSystemTime(Date.parse(inHours(1)));
    expect(await get(short.overrideId)).toMatchObject({ inForce: false, endedAt: null });
    await expireOverrides({ registry });
    await expireOverrides({ registry });
    expect(await get(short.overrideId)).toMatchObject({ endedAt: inHours(1), inForce: false });
    expect(await get(long.overrideId)).toMatchObject({ endedAt: null, inForce: true });
    const expired = (await trail()).filter(({ action }) => action !== "limit_override.created");
    expect(expired).toMatchObject([
      { action: "limit_override.expired", targetId: short.overrideId, reason: "its time was over" },
    ]);
    expect(expired[0]?.actorId).not.toBe("key-of-ada");
  });
});
