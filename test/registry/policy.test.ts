import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import { policyLoadFind, policyLoadNewest, policyLoadRecord } from "../../registry/policy.ts";
import { context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const files = (text: string) => [{ name: "a.cedar", text }];

describeDialects("sets of policies", (create) => {
  it("are recorded with their text when another one holds, and audited", async () => {
    const registry = await (await create()).open();
    const load = (version: string) =>
      registry.change(context, (change) =>
        policyLoadRecord(change, { version, source: "/policies", files: files(`// ${version}`) }),
      );
    expect(await registry.read(policyLoadNewest)).toBeUndefined();
    expect(await load("one")).toMatchObject({ isNew: true });
    const again = await load("one");
    expect(again).toMatchObject({ isNew: false });
    await load("two");
    await load("one");
    const { items } = await registry.read((db) => auditEventList(db, { limit: 10, action: "policy.loaded" }));
    expect(items.map(({ details }) => [details.before, details.version])).toEqual([
      ["two", "one"],
      ["one", "two"],
      [null, "one"],
    ]);
    expect(await registry.read(policyLoadNewest)).toMatchObject({ version: "one", files: files("// one") });
    expect(await registry.read((db) => policyLoadFind(db, "two"))).toMatchObject({ files: files("// two") });
    expect(await registry.read((db) => policyLoadFind(db, "three"))).toBeUndefined();
  });
});
