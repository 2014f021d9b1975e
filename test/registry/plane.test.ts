import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import { type PlaneFacts, planeFind, planeGet, planeList, planeRecord } from "../../registry/plane.ts";
import { targetGet } from "../../registry/target.ts";
import { addPlane, addTarget, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const facts: PlaneFacts = {
  name: "dev-eu-west-1",
  environment: "dev",
  region: "eu-west-1",
  accountId: "123456789012",
  stackName: "dev",
  outputs: { clusterName: "a", subnets: ["1", "2"] },
};

describeDialects("planes", (create) => {
  it("are recorded, and recorded anew when something has changed", async () => {
    const registry = await (await create()).open();
    const record = (outputs: Record<string, unknown>) =>
      registry.change(context, (change) => planeRecord(change, { ...facts, outputs }));
    const first = await record({ clusterName: "a", subnets: ["1", "2"] });
    const second = await record({ clusterName: "b", subnets: ["1", "2"] });
    expect(second).toMatchObject({ planeId: first.planeId, recordVersion: 2, createdAt: first.createdAt });
    expect(await registry.read((db) => planeGet(db, facts.name))).toEqual(second);
  });

  it("keep their version when only the order of the outputs differs, and nothing is audited", async () => {
    const registry = await (await create()).open();
    const first = await registry.change(context, (change) => planeRecord(change, facts));
    const again = await registry.change(context, (change) =>
      planeRecord(change, { ...facts, outputs: { subnets: ["1", "2"], clusterName: "a" } }),
    );
    expect(again).toEqual(first);
    expect((await registry.read((db) => auditEventList(db, { limit: 9 }))).items).toHaveLength(1);
  });

  it.each([
    ["region", { region: "us-east-1" }],
    ["environment", { environment: "prod" }],
  ] as const)("never are in another %s than at first, nor are their targets", async (member, elsewhere) => {
    const registry = await (await create()).open();
    const { target, plane } = await addTarget(registry, "acme");
    const { name, accountId, stackName } = plane;
    const moved = { name, accountId, stackName, environment: plane.environment, region: plane.region };
    const recording = registry.change(context, (change) =>
      planeRecord(change, { ...moved, ...elsewhere, outputs: { clusterName: "new" } }),
    );
    await expect(recording).rejects.toMatchObject({
      code: "plane_missing",
      message: expect.stringContaining(`its ${member} must stay ${plane[member]}`),
    });
    expect(await registry.read((db) => planeGet(db, name))).toEqual(plane);
    expect(await registry.read((db) => targetGet(db, target.targetId))).toMatchObject({
      ...{ environment: "dev", region: "eu-west-1" },
    });
  });

  it("that are not there are a problem, or undefined", async () => {
    const registry = await (await create()).open();
    expect(await registry.read((db) => planeFind(db, "dev-eu-west-1"))).toBeUndefined();
    await expect(registry.read((db) => planeGet(db, "dev-eu-west-1"))).rejects.toMatchObject({
      code: "plane_not_found",
      options: { hint: expect.stringContaining("pulumi up") },
    });
  });

  it("are listed newest first, page by page", async () => {
    const registry = await (await create()).open();
    await addPlane(registry, "dev");
    await addPlane(registry, "prod");
    const first = await registry.read((db) => planeList(db, { limit: 1 }));
    const second = await registry.read((db) => planeList(db, { limit: 1, cursor: first.nextCursor ?? "" }));
    expect([...first.items, ...second.items].map((plane) => plane.environment)).toEqual(["prod", "dev"]);
    expect(second.nextCursor).toBeNull();
  });
});
