import fc from "fast-check";
import { expect, it } from "vitest";
import type { Target } from "../../contract/target.ts";
import type { Tenant, TenantListQuery } from "../../contract/tenant.ts";
import {
  DRIFT_STATES,
  ENVIRONMENTS,
  HEALTH_STATES,
  TENANT_SORTS,
  VERSION_STATES,
} from "../../contract/vocabulary.ts";
import type { Registry } from "../../registry/registry.ts";
import { sortTextOf, wordsOf } from "../../registry/searchText.ts";
import { targetObserve, targetsOfTenant, targetUpdate } from "../../registry/target.ts";
import { tenantUpdate } from "../../registry/tenant.ts";
import { tenantFilters } from "../../registry/tenantFilter.ts";
import { tenantTransitionComplete, tenantTransitionRequest } from "../../registry/tenantLifecycle.ts";
import { listOf, tenantCollection, tenantList } from "../../registry/tenantList.ts";
import { addPlane, addRelease, addTenant, context, newTarget, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

/** So small that a few tenants are many: lists walk and give up in the middle. */
const bounds = { collected: 4, walked: 5 };

const PLANS = ["starter", "business", "enterprise"] as const;
const NAMES = ["Ärzte Haus", "acme", "Acme GmbH", "Zeta", "東京 支店", "bolt & sons", "ACME"];

interface Known {
  readonly tenant: Tenant;
  readonly targets: readonly Target[];
}

/** Tenants of every kind, with their targets as they came to be. */
async function populate(registry: Registry, advance: () => void): Promise<Known[]> {
  const planes = [await addPlane(registry, "dev"), await addPlane(registry, "prod")];
  for (const tag of ["1", "2"]) await addRelease(registry, tag);
  const known: Known[] = [];
  for (let place = 0; place < 36; place += 1) {
    const pick = <T>(list: readonly T[], stride: number) =>
      list[Math.floor(place / stride) % list.length] as T;
    if (place % 3 === 0) advance();
    const { tenantId } = await addTenant(registry, `${pick(["acme", "bolt", "corp"], 5)}-${place}`, {
      displayName: pick(NAMES, 1),
      plan: pick(PLANS, 2),
      labels: { tier: pick(["gold", "tin"], 3), [`own-${place % 9}`]: "x=y" },
      primaryDomain: place % 4 === 0 ? `app${place}.example` : null,
    });
    for (const plane of planes.slice(0, place % 3)) {
      const { targetId } = await registry.change(context, async (change) => {
        const target = await newTarget(change, { tenantId } as Tenant, plane);
        const releases = {
          currentReleaseNumber: pick([1, 2, null], 1),
          targetReleaseNumber: pick([1, 2], 4),
        };
        return targetUpdate(change, target.targetId, releases);
      });
      const seen = { health: pick(HEALTH_STATES, 2), drift: pick(DRIFT_STATES, 7) };
      await registry.record((record) => targetObserve(record, targetId, seen));
    }
    if (place % 11 === 0) await remove(registry, tenantId);
  }
  for (const status of ["draft", "deleted"] as const) {
    const { items } = await registry.read((db) => tenantList(db, { limit: 200, status }));
    for (const tenant of items) {
      const targets = await registry.read((db) => targetsOfTenant(db, tenant.tenantId));
      known.push({ tenant, targets });
    }
  }
  return known;
}

async function remove(registry: Registry, tenantId: string): Promise<void> {
  await registry.change(context, async (change) => {
    await tenantTransitionRequest(change, tenantId, "decommission");
    await tenantTransitionComplete(change, tenantId, "decommission");
  });
}

/** The same question answered by looking at everything. */
function expected(known: readonly Known[], query: Partial<TenantListQuery>): string[] {
  const { status, plan, label, slugPrefix = "", search, sort = "-createdAt" } = query;
  const [key = "", ...value] = (label ?? "").split("=");
  const asked = wordsOf(search === undefined ? [] : [search], 8);
  const fits = ({ tenant, targets }: Known) => {
    const { slug, displayName, primaryDomain, labels } = tenant;
    const words = wordsOf([slug, displayName, primaryDomain ?? "", ...Object.entries(labels).flat()], 500);
    return (
      (status === undefined ? tenant.status !== "deleted" : tenant.status === status) &&
      (plan === undefined || tenant.plan === plan) &&
      (label === undefined || labels[key] === value.join("=")) &&
      slug.startsWith(slugPrefix) &&
      asked.every((one) => words.some((word) => word.startsWith(one))) &&
      (!asksTargets(query) || targets.some((target) => targetFits(target, query)))
    );
  };
  const by = sort.replace("-", "") as "createdAt" | "updatedAt" | "slug" | "displayName";
  const order = ({ tenant }: Known) =>
    [by === "displayName" ? sortTextOf(tenant.displayName) : tenant[by], tenant.tenantId].join("\0");
  const sorted = known.filter(fits).sort((one, other) => (order(one) < order(other) ? -1 : 1));
  return (sort.startsWith("-") ? sorted.reverse() : sorted).map(({ tenant }) => tenant.slug);
}

const TARGET_FILTERS = ["environment", "region", "release", "version", "health", "drift"] as const;
const asksTargets = (query: Partial<TenantListQuery>) =>
  TARGET_FILTERS.some((name) => query[name] !== undefined);

function targetFits(target: Target, query: Partial<TenantListQuery>): boolean {
  const is = { ...target, release: target.currentReleaseNumber };
  return TARGET_FILTERS.every((name) => query[name] === undefined || query[name] === is[name]);
}

const maybe = <T>(...values: readonly T[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 1 });
const queries: fc.Arbitrary<Partial<TenantListQuery>> = fc.record({
  sort: fc.constantFrom(...TENANT_SORTS),
  status: maybe("draft", "deleted"),
  plan: maybe(...PLANS),
  label: maybe("tier=gold", "own-3=x=y", "tier=none"),
  slugPrefix: maybe("acme", "bolt-1", "zz"),
  search: maybe("acme", "ACM GOLD", "arzte", "東", "gold own", "example", "nothing"),
  environment: maybe(...ENVIRONMENTS),
  region: maybe("eu-west-1", "us-east-1"),
  release: maybe(1, 2, 3),
  version: maybe(...VERSION_STATES),
  health: maybe(...HEALTH_STATES),
  drift: maybe(...DRIFT_STATES),
});
/** One, two or three filters: with more, nearly every answer is empty. */
const someFilters = fc
  .tuple(
    queries,
    fc.shuffledSubarray(["status", "plan", "label", "slugPrefix", "search", ...TARGET_FILTERS], {
      maxLength: 3,
    }),
  )
  .map(([query, names]): Partial<TenantListQuery> => {
    const kept = Object.entries(query).filter(
      ([name]) => name === "sort" || (names as string[]).includes(name),
    );
    return Object.fromEntries(kept.filter(([, value]) => value !== undefined));
  });

async function* pages(registry: Registry, query: Partial<TenantListQuery>, limit: number) {
  let cursor: string | undefined;
  do {
    const asked = { ...query, limit, cursor };
    const page = await registry.read((db) => tenantList(db, asked, bounds));
    expect(page.items.length).toBeLessThanOrEqual(limit);
    yield page.items;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

describeDialects("a list of tenants", (create) => {
  it("is what filtering and sorting everything gives, whatever is asked", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const known = await populate(registry, () => clock.advance(1));
    await fc.assert(
      fc.asyncProperty(someFilters, fc.integer({ min: 1, max: 7 }), async (query, limit) => {
        const slugs: string[] = [];
        for await (const items of pages(registry, query, limit)) slugs.push(...items.map(({ slug }) => slug));
        expect(slugs).toEqual(expected(known, query));
      }),
      { numRuns: 60 },
    );
  });

  it("shows each tenant that stays as it was exactly once, whatever is written meanwhile", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    let made = 0;
    const add = () => {
      made += 1;
      return addTenant(registry, `t-${(made * 7919) % 100_003}`, {
        displayName: NAMES[made % NAMES.length] ?? "",
        labels: { tier: made % 2 === 0 ? "gold" : "tin" },
      });
    };
    const living = new Map<string, Tenant>();
    for (let count = 0; count < 20; count += 1) {
      const tenant = await add();
      living.set(tenant.tenantId, tenant);
      if (count % 3 === 0) clock.advance(1);
    }
    const writes = fc.array(fc.tuple(fc.constantFrom("add", "rename", "relabel", "remove"), fc.nat()), {
      maxLength: 12,
    });
    const lists = fc.record({
      sort: fc.constantFrom(...TENANT_SORTS),
      label: maybe("tier=gold"),
      search: maybe("acme"),
    });
    await fc.assert(
      fc.asyncProperty(lists, fc.integer({ min: 1, max: 5 }), writes, async (asked, limit, list) => {
        const query = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
        const before = [...living.values()].map((tenant) => ({ tenant, targets: [] }));
        const changed = new Set<string>();
        const shown: string[] = [];
        const left = [...list];
        for await (const items of pages(registry, query, limit)) {
          shown.push(...items.map(({ tenantId }) => tenantId));
          clock.advance(1);
          for (const [what, seed] of left.splice(0, 2)) await write(what, seed, changed);
        }
        const once = expected(before, query).map((slug) => before.find(({ tenant }) => tenant.slug === slug));
        for (const one of once) {
          const id = one?.tenant.tenantId ?? "";
          if (!changed.has(id)) expect(shown.filter((other) => other === id)).toEqual([id]);
        }
      }),
      { numRuns: 15 },
    );

    async function write(what: string, seed: number, changed: Set<string>): Promise<void> {
      const ids = [...living.keys()];
      const tenantId = ids[seed % ids.length] ?? "";
      if (what === "add" || ids.length < 12) {
        const tenant = await add();
        living.set(tenant.tenantId, tenant);
        changed.add(tenant.tenantId);
        return;
      }
      changed.add(tenantId);
      if (what === "remove") {
        await remove(registry, tenantId);
        living.delete(tenantId);
        return;
      }
      const update =
        what === "rename"
          ? { displayName: NAMES[seed % NAMES.length] ?? "" }
          : { labels: { tier: seed % 2 === 0 ? "gold" : "tin" } };
      living.set(
        tenantId,
        await registry.change(context, (change) => tenantUpdate(change, tenantId, update)),
      );
    }
  });

  it("collects those that came since they were counted, too", async () => {
    const registry = await (await create()).open();
    const query = { limit: 10, label: "tier=gold" };
    for (const slug of ["one", "two", "three"]) await addTenant(registry, slug, { labels: { tier: "gold" } });
    const { conditions, sources } = tenantFilters(query);
    const [source] = sources;
    if (source === undefined) throw new Error("a label is found by its index");
    const few = listOf(query, { collected: 2, walked: 5 });
    const found = await registry.read((db) => tenantCollection(db, few, conditions, source).execute());
    expect(found).toHaveLength(3);
  });

  it("takes a cursor of its own order only", async () => {
    const registry = await (await create()).open();
    for (const slug of ["one", "two"]) await addTenant(registry, slug);
    const { nextCursor } = await registry.read((db) => tenantList(db, { limit: 1, sort: "slug" }));
    const cursor = nextCursor ?? "";
    const other = registry.read((db) => tenantList(db, { limit: 1, sort: "-slug", cursor }));
    await expect(other).rejects.toMatchObject({ code: "invalid_request" });
  });
});
