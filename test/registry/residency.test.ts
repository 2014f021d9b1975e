import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import { planeRecord } from "../../registry/plane.ts";
import type { Registry } from "../../registry/registry.ts";
import {
  endpointsDeclared,
  planePlaces,
  planesInRegions,
  regionNames,
  residencyEndpointRemove,
  residencyEndpointSet,
} from "../../registry/residency.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

async function addPlanes(registry: Registry): Promise<void> {
  const { tenantId } = await addTenant(registry, "own-account");
  const plane = (environment: "dev" | "prod", region: string, dedicatedTo?: string) =>
    registry.change(context, (change) =>
      planeRecord(change, {
        ...{
          name: `${environment}-${region}${dedicatedTo === undefined ? "" : `-${dedicatedTo.slice(0, 8)}`}`,
        },
        ...{
          environment,
          region,
          stackName: environment,
          accountId: dedicatedTo === undefined ? "123456789012" : "210987654321",
        },
        outputs: { region, ...(dedicatedTo !== undefined && { dedicatedTo }) },
      }),
    );
  await plane("dev", "eu-west-1");
  await plane("prod", "us-east-1");
  await plane("prod", "ap-south-1", tenantId);
}

describeDialects("regions", (create) => {
  it("are those of planes for all, and those with an address of their own, page by page", async () => {
    const registry = await (await create()).open();
    await addPlanes(registry);
    const set = { address: "cache.internal.example", reason: "the new cluster" };
    await registry.change(context, (change) => residencyEndpointSet(change, "eu-central-1", "cache", set));
    await registry.change(context, (change) => residencyEndpointSet(change, "eu-west-1", "cache", set));
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await registry.read((db) => regionNames(db, { limit: 2, cursor }));
      pages.push(page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(pages).toEqual([["eu-central-1", "eu-west-1"], ["us-east-1"]]);
  });

  it("show planes for all, or those that are named", async () => {
    const registry = await (await create()).open();
    await addPlanes(registry);
    const regions = ["ap-south-1", "eu-west-1"];
    const shared = await registry.read((db) => planesInRegions(db, regions));
    expect(shared).toEqual([
      { name: "dev-eu-west-1", environment: "dev", region: "eu-west-1", outputs: { region: "eu-west-1" } },
    ]);
    const [own] = await registry.read((db) => planesInRegions(db, regions, ["prod-us-east-1"]));
    expect(own).toBeUndefined();
    expect(await registry.read((db) => planePlaces(db, ["prod-us-east-1", "dev-us-west-9"]))).toEqual([
      { name: "prod-us-east-1", environment: "prod", region: "us-east-1" },
    ]);
  });

  it("have addresses that are set, replaced and removed with a reason, each audited once", async () => {
    const registry = await (await create()).open();
    const set = (address: string) =>
      registry.change(context, (change) =>
        residencyEndpointSet(change, "eu-west-1", "logs", { address, reason: "the new collector" }),
      );
    await set("logs-1.example");
    await set("logs-1.example");
    expect(await set("logs-2.example")).toMatchObject({ address: "logs-2.example", updatedBy: "key-of-ada" });
    const remove = () =>
      registry.change(context, (change) =>
        residencyEndpointRemove(change, "eu-west-1", "logs", "gone again"),
      );
    await remove();
    await expect(remove()).rejects.toMatchObject({ code: "region_not_found" });
    expect(await registry.read((db) => endpointsDeclared(db, ["eu-west-1"]))).toEqual([]);
    const { items } = await registry.read((db) => auditEventList(db, { limit: 10 }));
    const told = items.map(({ action, reason }) => [action, reason]);
    expect(told).toEqual([
      ["residency.endpoint_removed", "gone again"],
      ["residency.endpoint_set", "the new collector"],
      ["residency.endpoint_set", "the new collector"],
    ]);
  });
});
