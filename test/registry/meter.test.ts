import { expect, it } from "vitest";
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
});
