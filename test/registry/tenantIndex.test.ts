import { expect, it } from "vitest";
import type { TenantListQuery } from "../../contract/tenant.ts";
import { tenantList, tenantListQuery } from "../../registry/tenant.ts";
import { addTenant } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

const TENANTS = 10_100;

/** What a plan must name, by the words of each database. */
const PLANS: readonly [query: Partial<TenantListQuery>, sqlite: RegExp, postgresql: RegExp][] = [
  [
    {},
    /tenants_by_created_at_tenant_id .*<\(/,
    /using tenants_by_created_at_tenant_id on tenants[\s\S]*Index Cond: \(ROW\(created_at, tenant_id\) </,
  ],
  [
    { status: "draft" },
    /tenants_by_status_created_at_tenant_id .*<\(/,
    /using tenants_by_(status_)?created_at_tenant_id on tenants[\s\S]*Index Cond: /,
  ],
  [
    { plan: "starter" },
    /tenants_by_plan_created_at_tenant_id .*<\(/,
    /using tenants_by_(plan_)?created_at_tenant_id on tenants[\s\S]*Index Cond: /,
  ],
];

const UNPAGED: typeof PLANS = [
  [
    { slugPrefix: "tenant-1077" },
    /tenants_by_slug \(slug>\? AND slug<\?\)/,
    /tenants_by_slug[\s\S]*slug >= /,
  ],
  [
    { label: "tier=gold" },
    /tenant_labels_by_key_value_tenant_id \(key=\? AND value=\?\)/,
    /tenant_labels_by_key_value_tenant_id[\s\S]*key = 'tier'/,
  ],
];

describeDialects("lists of more than 10,000 tenants", (create, dialect) => {
  it("seek by index, whatever the page and filter", async () => {
    const database = await create();
    const registry = await database.open();
    await addTenant(registry, "first");
    await fill(database);
    let cursor: string | undefined;
    let seen = 0;
    do {
      const page = await registry.read((db) => tenantList(db, { limit: 200, cursor }));
      seen += page.items.length;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toBe(TENANTS + 1);

    const deep = (await registry.read((db) => tenantList(db, { limit: 1 }))).nextCursor ?? "";
    const paged = PLANS.map(([query, ...rest]) => [{ ...query, cursor: deep }, ...rest] as const);
    for (const [query, sqlite, postgresql] of [...paged, ...UNPAGED]) {
      const compiled = await registry.read(async (db) =>
        tenantListQuery(db, { limit: 50, ...query }).compile(),
      );
      const plan = (await registry.explain(compiled)).join("\n");
      expect(plan).toMatch(dialect === "sqlite" ? sqlite : postgresql);
      expect(plan).not.toMatch(/SCAN tenants(?! USING)|Seq Scan/);
    }
  });
});

/** Behind the registry's back, as ten thousand changes would take a minute; a thousandth of them is gold. */
async function fill(database: TestDatabase): Promise<void> {
  const numbers = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${TENANTS})`;
  const number = "cast(100000000000 + i as text)";
  const id = `'00000000-0000-4000-8000-' || ${number}`;
  const at = `'2026-03-01T09:' || cast(10 + i / 250 as text) || ':00.000Z'`;
  const [tenant] = await database.raw("select * from tenants");
  const columns = Object.keys(tenant ?? {});
  const computed: Record<string, string> = {
    tenant_id: id,
    slug: "'tenant-' || cast(i as text)",
    created_at: at,
  };
  const values = columns.map((column) => computed[column] ?? column);
  await database.raw(
    `insert into tenants (${columns.join(", ")}) ${numbers} select ${values.join(", ")} from n, tenants where slug = 'first'`,
    `insert into tenant_labels (tenant_id, key, value) ${numbers} select ${id}, 'tier', case when i % 1000 = 0 then 'gold' else 'tin' end from n`,
    "analyze",
  );
}
