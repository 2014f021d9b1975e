import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import { pinAllows, pinCreate, pinList, pinListQuery, pinRelease, pinsOf } from "../../registry/pin.ts";
import type { Registry } from "../../registry/registry.ts";
import { addRelease, addTarget, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

type Facts = Parameters<typeof pinCreate>[1];

async function world(registry: Registry) {
  for (const tag of ["1", "2", "3"]) await addRelease(registry, tag);
  const { tenant, target } = await addTarget(registry, "acme");
  const { tenantId } = tenant;
  const { targetId } = target;
  const pin = (more: Partial<Facts>) =>
    registry.change(context, (change) =>
      pinCreate(change, {
        ...{ tenantId, targetId: null, releaseNumber: 1, kind: "pin", reason: "test", expiresAt: null },
        ...more,
      }),
    );
  const deciding = (at?: string) =>
    registry.read(async (db) => (await pinsOf(db, [targetId], at)).get(targetId));
  return { tenantId, targetId, pin, deciding };
}

describeDialects("pins", (create) => {
  it("decide by nearness, then by age: the target's own before its tenant's, the newest first", async () => {
    const registry = await (await create()).open();
    const { targetId, pin, deciding } = await world(registry);
    expect(await deciding()).toBeUndefined();
    await pin({ targetId, releaseNumber: 2 });
    await pin({ releaseNumber: 1 });
    expect(await deciding()).toMatchObject({ targetId, releaseNumber: 2 });
    await pin({ targetId, releaseNumber: 3, kind: "rollback" });
    expect(await deciding()).toMatchObject({ releaseNumber: 3, kind: "rollback" });
  });

  it("of the same kind and reach take the place of each other", async () => {
    const registry = await (await create()).open();
    const { tenantId, pin } = await world(registry);
    const first = await pin({});
    const second = await pin({ releaseNumber: 2 });
    const query = { limit: 50, tenantId, released: false };
    const now = new Date().toISOString();
    expect((await registry.read((db) => pinList(db, query, now))).items).toEqual([second]);
    const all = await registry.read((db) => pinList(db, { ...query, released: true }, now));
    expect(all.items.map(({ pinId }) => pinId)).toEqual([second.pinId, first.pinId]);
    expect(all.items[1]).toMatchObject({
      releasedBy: "key-of-ada",
      releaseReason: `replaced by ${second.pinId}`,
    });
  });

  it("that have expired decide nothing, and are said to have", async () => {
    const registry = await (await create()).open();
    const { tenantId, pin, deciding } = await world(registry);
    await pin({ expiresAt: "2030-01-01T00:00:00.000Z" });
    expect(await deciding("2029-12-31T23:59:59.999Z")).toMatchObject({ expired: false });
    expect(await deciding("2030-01-01T00:00:00.000Z")).toBeUndefined();
    const query = { limit: 50, tenantId, released: false };
    const listed = await registry.read((db) => pinList(db, query, "2030-01-01T00:00:00.000Z"));
    expect(listed.items).toMatchObject([{ expired: true, releasedAt: null }]);
  });

  it("are released once, with who and why, and audited on the tenant's chain", async () => {
    const registry = await (await create()).open();
    const { tenantId, pin, deciding } = await world(registry);
    const { pinId } = await pin({});
    const released = await registry.change(context, (change) => pinRelease(change, pinId, "accepted"));
    expect(released).toMatchObject({ releasedBy: "key-of-ada", releaseReason: "accepted" });
    expect(await deciding()).toBeUndefined();
    const events = await registry.read((db) => auditEventList(db, { limit: 2, tenantId }));
    expect(events.items.map(({ action }) => action)).toEqual(["pin.released", "pin.created"]);
    expect(events.items[0]).toMatchObject({ chain: tenantId, reason: "accepted" });
    await expect(
      registry.change(context, (change) => pinRelease(change, "nobody", "x")),
    ).rejects.toMatchObject({ code: "pin_not_found" });
  });

  it("are listed by index, newest first", async () => {
    const registry = await (await create()).open();
    await world(registry);
    const plan = await registry.read((db) =>
      registry.explain(pinListQuery(db, { limit: 50, released: false }).compile()),
    );
    // PostgreSQL reads a table of no rows whole.
    if (registry.dialect === "sqlite") expect(plan.join("\n")).toContain("pins_open_by_created_at_pin_id");
  });
});

it("a pin without a release holds what runs, and nothing where nothing runs", () => {
  const pin = { releaseNumber: null } as Parameters<typeof pinAllows>[0];
  expect(pinAllows(pin, 2, 1)).toBe(false);
  expect(pinAllows(pin, 1, 1)).toBe(true);
  expect(pinAllows(pin, 2, null)).toBe(true);
  expect(pinAllows({ ...pin, releaseNumber: 2 }, 2, 1)).toBe(true);
  expect(pinAllows({ ...pin, releaseNumber: 2 }, 1, 1)).toBe(false);
});
