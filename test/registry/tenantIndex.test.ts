import { expect, it } from "vitest";
import type { TenantListQuery } from "../../contract/tenant.ts";
import { TENANT_SORTS } from "../../contract/vocabulary.ts";
import { tenantFilters } from "../../registry/tenantFilter.ts";
import { listOf, tenantCollection, tenantList, tenantWalk } from "../../registry/tenantList.ts";
import { addTarget } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

const TENANTS = 10_100;

/** One of each filter, all of which fit only a few. */
const FILTERS: Partial<TenantListQuery>[] = [
  { plan: "enterprise" },
  { label: "tier=gold" },
  { slugPrefix: "tenant-1077" },
  { search: "gold" },
  { region: "eu-west-9" },
  { environment: "stage" },
  { release: 1 },
  { version: "behind" },
  { health: "down" },
  { drift: "drifted" },
];

describeDialects("lists of more than 10,000 tenants", (create, dialect) => {
  it("walk and collect by index, whatever the order and filter", async () => {
    const database = await create();
    const registry = await database.open();
    await addTarget(registry, "first");
    await fill(database);
    const plan = async (query: { compile(): { sql: string; parameters: readonly unknown[] } }) =>
      (await registry.explain(query.compile())).join("\n");

    let cursor: string | undefined;
    let seen = 0;
    do {
      const page = await registry.read((db) => tenantList(db, { limit: 200, cursor }));
      seen += page.items.length;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toBe(TENANTS + 1);

    const key = ["tenant-500", "00000000-0000-4000-8000-100000000500"] as const;
    for (const sort of TENANT_SORTS) {
      for (const status of [undefined, "draft" as const]) {
        const list = { ...listOf({ limit: 50, sort, status }), after: key };
        const end = await registry.read(async (db) => plan(tenantWalk(db, list, [], undefined)));
        expect(end).toMatch(
          dialect === "sqlite" ? /SEARCH tenants USING INDEX .*[<>]/ : /Index Cond: .*[<>]/,
        );
        expect(end).not.toMatch(/TEMP B-TREE|(?<!Incremental )Sort {2}|Seq Scan/);
      }
    }

    const scans =
      dialect === "sqlite"
        ? /SCAN (tenants|tenant_words|tenant_labels|targets(?! USING INDEX targets_behind)|target_observations)/
        : /Seq Scan|Hash Join/;
    for (const query of FILTERS) {
      const { conditions, sources } = tenantFilters({ limit: 50, ...query });
      const list = { ...listOf({ limit: 50, sort: "slug" }), after: key };
      const walked = await registry.read(async (db) => plan(tenantWalk(db, list, conditions, key)));
      expect(walked, JSON.stringify(query)).toMatch(dialect === "sqlite" ? /tenants_live_slug/ : /Index/);
      expect(walked, JSON.stringify(query)).not.toMatch(scans);
      for (const source of sources) {
        const collected = await registry.read(async (db) =>
          plan(tenantCollection(db, list, conditions, source)),
        );
        expect(collected, JSON.stringify(query)).not.toMatch(scans);
      }
    }
  });
});

/** Behind the registry's back, as ten thousand changes would take a minute; a thousandth of them is gold. */
async function fill(database: TestDatabase): Promise<void> {
  const numbers = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${TENANTS})`;
  const number = "cast(100000000000 + i as text)";
  const id = `'00000000-0000-4000-8000-' || ${number}`;
  const at = `'2026-03-01T09:' || cast(10 + i / 250 as text) || ':00.000Z'`;
  const name = "'tenant-' || cast(i as text)";
  const times = { created_at: at, updated_at: at };
  const copies = async (table: string, computed: Record<string, string>) => {
    const [row] = await database.raw(`select * from ${table}`);
    const columns = Object.keys(row ?? {});
    const values = columns.map((column) => computed[column] ?? column);
    return `insert into ${table} (${columns.join(", ")}) ${numbers} select ${values.join(", ")} from n, ${table}`;
  };
  const few = (column: string, value: string) => ({
    [column]: `case when i % 1000 = 0 then '${value}' else ${column} end`,
  });
  const place = { ...few("environment", "stage"), ...few("region", "eu-west-9") };
  const target = { tenant_id: id, target_id: id, project_name: name, ...times, ...place };
  const seen = { target_id: id, ...few("health", "down"), ...few("drift", "drifted") };
  const tier = "case when i % 1000 = 0 then 'gold' else 'tin' end";
  await database.raw(
    await copies("tenants", { tenant_id: id, slug: name, display_sort: name, ...times }),
    await copies("targets", target),
    await copies("target_observations", seen),
    `insert into tenant_labels (tenant_id, key, value) ${numbers} select ${id}, 'tier', ${tier} from n`,
    `insert into tenant_words (tenant_id, word) ${numbers} select ${id}, ${tier} from n`,
    "analyze",
  );
}
