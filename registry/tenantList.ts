import { type ExpressionBuilder, sql } from "kysely";
import type { Page } from "../contract/common.ts";
import type { Tenant, TenantListQuery } from "../contract/tenant.ts";
import type { TenantSort } from "../contract/vocabulary.ts";
import { type CursorKey, encodeCursor, noCursor, pageAfter } from "./cursor.ts";
import type { Reader } from "./registry.ts";
import type { Schema } from "./schema.ts";
import { tenantFromRow, tenantsOf } from "./tenant.ts";
import {
  type Condition,
  slugCondition,
  slugRange,
  type TenantSource,
  tenantFilters,
} from "./tenantFilter.ts";

/**
 * Lists of tenants: any filters, any order, words besides, and a time that does not grow with the number of tenants.
 *
 * No index serves every combination, so a page is made in one of two ways, and both are bounded. Where one filter fits few
 * tenants, they are collected by that filter's index, held against the other filters and sorted. Otherwise the order's
 * own index is walked from the cursor on and each tenant held against all filters, for so many tenants at most: once
 * they are used up, the page is what was found by then, and its cursor goes on behind the last that was looked at. So a page
 * may be short, or empty, and still not be the last.
 *
 * Pages go by key, not by number: whatever is written meanwhile, a tenant that stays as it was is shown exactly once.
 */
export interface TenantListBounds {
  /** Rows of a filter's index that count as few. */
  readonly collected: number;
  /** Tenants that one page looks at. */
  readonly walked: number;
}

export const TENANT_LIST_BOUNDS: TenantListBounds = { collected: 300, walked: 500 };

/** Newest first unless said otherwise. Deleted tenants are listed only when asked for by status. */
export async function tenantList(
  db: Reader,
  query: TenantListQuery,
  bounds: TenantListBounds = TENANT_LIST_BOUNDS,
): Promise<Page<Tenant>> {
  const list = listOf(query, bounds);
  const { conditions, sources } = tenantFilters(query);
  const few = await smallest(db, sources, bounds.collected);
  return few === undefined ? walk(db, list, conditions) : collect(db, list, conditions, few);
}

const COLUMNS = {
  createdAt: "createdAt",
  updatedAt: "updatedAt",
  slug: "slug",
  displayName: "displaySort",
} as const;
type SortColumn = (typeof COLUMNS)[keyof typeof COLUMNS];
type Key = readonly [value: string, tenantId: string];

/** One way through the tenants: an order with an index, and where in it to begin. */
interface List {
  readonly sort: TenantSort;
  readonly column: SortColumn;
  readonly descending: boolean;
  readonly status: TenantListQuery["status"];
  readonly slugPrefix: string | undefined;
  readonly after: Key | undefined;
  readonly limit: number;
  readonly bounds: TenantListBounds;
}

export function listOf(
  { sort = "-createdAt", status, slugPrefix, cursor, limit }: TenantListQuery,
  bounds: TenantListBounds = TENANT_LIST_BOUNDS,
): List {
  const descending = sort.startsWith("-");
  const column = COLUMNS[sort.replace("-", "") as keyof typeof COLUMNS];
  const after = cursor === undefined ? undefined : keyOf(sort, cursor);
  return {
    ...{ sort, column, descending, status, after, limit, bounds },
    slugPrefix: column === "slug" ? slugPrefix : undefined,
  };
}

/** A cursor says which order it is of: in another it would be a place without meaning. */
function keyOf(sort: TenantSort, cursor: string): Key {
  const [place, tenantId] = pageAfter(cursor);
  if (!place.startsWith(`${sort} `)) throw noCursor(cursor);
  return [place.slice(sort.length + 1), tenantId];
}

function cursorAt({ sort }: List, [value, tenantId]: Key): string {
  const key: CursorKey = [`${sort} ${value}`, tenantId];
  return encodeCursor(key);
}

/** The source with the fewest rows, if it has few. */
async function smallest(
  db: Reader,
  sources: readonly TenantSource[],
  few: number,
): Promise<TenantSource | undefined> {
  if (sources.length === 0) return undefined;
  const most = few + 1;
  const counts = sources.map(({ ids, rows }, place) => {
    const counted = rows === undefined ? ids(db, most).as("counted") : rows(db, most).as("counted");
    return sql<number>`(select count(*) from ${counted})`.as(String(place));
  });
  const found = await db.selectNoFrom(counts).executeTakeFirstOrThrow();
  const sizes = sources.map((_source, place) => Number(found[String(place)]));
  const least = Math.min(...sizes);
  return least < most ? sources[sizes.indexOf(least)] : undefined;
}

async function walk(db: Reader, list: List, conditions: readonly Condition[]): Promise<Page<Tenant>> {
  const end = conditions.length === 0 ? undefined : await endOfWalk(db, list);
  const rows = await tenantWalk(db, list, conditions, end).execute();
  const items = rows.slice(0, list.limit).map(tenantFromRow);
  const last = rows[list.limit - 1];
  if (rows.length > list.limit && last !== undefined) {
    return { items, nextCursor: cursorAt(list, [last[list.column], last.tenantId]) };
  }
  return { items, nextCursor: end === undefined ? null : cursorAt(list, end) };
}

/** The last tenant that a page may look at; undefined when it may look at all that are left. */
async function endOfWalk(db: Reader, list: List): Promise<Key | undefined> {
  const row = await lane(db, list)
    .select([`tenants.${list.column} as value`, "tenants.tenantId"])
    .offset(list.bounds.walked - 1)
    .limit(1)
    .executeTakeFirst();
  return row && [row.value, row.tenantId];
}

/** The statement of a walk, so that a test can ask the database how it would run it. */
export function tenantWalk(db: Reader, list: List, conditions: readonly Condition[], end: Key | undefined) {
  let rows = lane(db, list).selectAll("tenants");
  for (const condition of conditions) rows = rows.where(condition);
  if (end !== undefined) {
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple(`tenants.${list.column}`, "tenants.tenantId"),
        list.descending ? ">=" : "<=",
        tuple(...end),
      ),
    );
  }
  return rows.limit(list.limit + 1);
}

/** The tenants of a status, or all that live, from the cursor on: an index has them in this order. */
function lane(db: Reader, { column, descending, status, slugPrefix, after }: List) {
  let rows = db.selectFrom("tenants");
  rows = status ? rows.where("tenants.status", "=", status) : rows.where("tenants.deletedAt", "is", null);
  if (slugPrefix !== undefined) {
    const [from, before] = slugRange(slugPrefix);
    rows = rows.where("tenants.slug", ">=", from).where("tenants.slug", "<", before);
  }
  if (after !== undefined) {
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple(`tenants.${column}`, "tenants.tenantId"), descending ? "<" : ">", tuple(...after)),
    );
  }
  const way = descending ? "desc" : "asc";
  return rows.orderBy(`tenants.${column}`, way).orderBy("tenants.tenantId", way);
}

async function collect(
  db: Reader,
  list: List,
  conditions: readonly Condition[],
  source: TenantSource,
): Promise<Page<Tenant>> {
  const rows = await tenantCollection(db, list, conditions, source).execute();
  const keys = rows.slice(0, list.limit).map(({ value, tenantId }): Key => [value, tenantId]);
  if (keys.length === 0) return { items: [], nextCursor: null };
  const found = await tenantsOf(
    db,
    keys.map(([, tenantId]) => tenantId),
  );
  const items = keys.flatMap(([, tenantId]) => found.get(tenantId) ?? []);
  const last = keys.at(-1);
  const isMore = rows.length > list.limit && last !== undefined;
  return { items, nextCursor: isMore ? cursorAt(list, last) : null };
}

/**
 * The statement of a collection: keys alone, as whole rows would be sorted with them. Each tenant is looked up by a subquery that
 * gives its key or nothing: as a join, a database may choose to read all tenants and look for the few among them. The inner limit takes nothing
 * away; it keeps the subquery from being done twice.
 */
export function tenantCollection(
  db: Reader,
  { column, descending, status, slugPrefix, after, limit, bounds }: List,
  conditions: readonly Condition[],
  source: TenantSource,
) {
  const fits: Condition[] = [
    status ? (eb) => eb("tenants.status", "=", status) : (eb) => eb("tenants.deletedAt", "is", null),
    ...(slugPrefix === undefined ? [] : [slugCondition(slugPrefix)]),
    ...(after === undefined ? [] : [beyond(column, descending, after)]),
    ...conditions,
  ];
  // They were counted in a statement before this one, and may have become a few more.
  const most = bounds.collected * 2;
  const way = descending ? "desc" : "asc";
  return db
    .selectFrom((nested) =>
      nested
        .selectFrom(source.ids(db, most).as("chosen"))
        .select((eb) => [
          "chosen.tenantId",
          eb
            .selectFrom("tenants")
            .select(`tenants.${column} as value`)
            .whereRef("tenants.tenantId", "=", "chosen.tenantId")
            .where((of) => of.and(fits.map((holds) => holds(of as ExpressionBuilder<Schema, "tenants">))))
            .as("value"),
        ])
        .distinct()
        .limit(most)
        .as("found"),
    )
    .select(["found.tenantId", "found.value"])
    .where("found.value", "is not", null)
    .$narrowType<{ value: string }>()
    .orderBy("found.value", way)
    .orderBy("found.tenantId", way)
    .limit(limit + 1);
}

function beyond(column: SortColumn, descending: boolean, key: Key): Condition {
  return ({ eb, refTuple, tuple }) =>
    eb(refTuple(`tenants.${column}`, "tenants.tenantId"), descending ? "<" : ">", tuple(...key));
}
