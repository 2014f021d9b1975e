import { expect, it } from "vitest";
import { METER_LIMITS } from "../../contract/meter.ts";
import { meterArchive, meterCreate, meterList } from "../../registry/meter.ts";
import { context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("meters", (create) => {
  it("are there from the beginning, can be added and archived, and keep their key", async () => {
    const registry = await (await create()).open();
    const input = {
      meterKey: "pages",
      displayName: "Pages",
      unit: "pages",
      aggregation: "sum",
      decimals: 0,
    } as const;
    await registry.change(context, (change) => meterCreate(change, input));
    await expect(registry.change(context, (change) => meterCreate(change, input))).rejects.toMatchObject({
      code: "duplicate_meter",
    });
    await registry.change(context, (change) => meterArchive(change, "pages", "not used"));
    const keys = async (archived: boolean) =>
      (await registry.read((db) => meterList(db, { limit: 100, archived }))).items.map((one) => one.meterKey);
    expect(await keys(false)).toEqual([
      ...["api_requests", "connections", "connector_operations", "events", "llm_tokens"],
      ...["storage_gib_hours", "workflow_runs"],
    ]);
    expect(await keys(true)).toContain("pages");
    await expect(registry.change(context, (change) => meterCreate(change, input))).rejects.toMatchObject({
      code: "duplicate_meter",
    });
  });

  it("are bounded, the archived ones too", async () => {
    const registry = await (await create()).open();
    const rest = { displayName: "A", unit: "a", aggregation: "sum", decimals: 0 } as const;
    const add = (meterKey: string) =>
      registry.change(context, (change) => meterCreate(change, { meterKey, ...rest }));
    await registry.change(context, async (change) => {
      const { db, now } = change;
      const { length } = await db.selectFrom("meters").select("meterKey").execute();
      const rows = Array.from({ length: METER_LIMITS.metersEver - length - 1 }, (_, at) => ({
        ...{ ...rest, meterKey: `old${at}`, createdBy: "somebody", createdAt: now, archivedAt: now },
      }));
      for (let from = 0; from < rows.length; from += 100)
        await db
          .insertInto("meters")
          .values(rows.slice(from, from + 100))
          .execute();
      await meterCreate(change, { meterKey: "last", ...rest });
    });
    const refused = { code: "too_many_meters", message: expect.stringContaining("1000") };
    await expect(add("another")).rejects.toMatchObject(refused);
    await registry.change(context, (change) => meterArchive(change, "last", undefined));
    await expect(add("another")).rejects.toMatchObject(refused);
  });
});
