import { expect, it } from "vitest";
import { prepared } from "../../registry/prepared.ts";
import { addTenant } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("a prepared query", (create) => {
  it("is built once, and asked with other values each time", async () => {
    const registry = await (await create()).open();
    for (const slug of ["one", "two"]) await addTenant(registry, slug);
    let built = 0;
    const find = prepared((db, slug: string, plan: string) => {
      built += 1;
      return db
        .selectFrom("tenants")
        .select(["slug", "displayName"])
        .where("status", "=", "draft")
        .where("plan", "=", plan)
        .where("slug", "=", slug);
    });
    const ask = (slug: string, plan: string) => registry.read((db) => find(db, slug, plan));
    expect(await ask("one", "starter")).toEqual([{ slug: "one", displayName: "Tenant one" }]);
    expect(await ask("two", "starter")).toEqual([{ slug: "two", displayName: "Tenant two" }]);
    expect(await ask("two", "business")).toEqual([]);
    expect(await ask("' or 1=1 --", "starter")).toEqual([]);
    expect(built).toBe(1);
  });
});
