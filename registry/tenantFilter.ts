import { type AliasableExpression, type Expression, type ExpressionBuilder, type SqlBool, sql } from "kysely";
import type { TenantListQuery } from "../contract/tenant.ts";
import type { VersionState } from "../contract/vocabulary.ts";
import type { Reader } from "./registry.ts";
import type { Schema } from "./schema.ts";
import { SEARCH_LIMITS, wordsOf } from "./searchText.ts";

/**
 * What a list of tenants can be filtered by, each in two forms: as a condition on a row of `tenants`, and as the rows of an
 * index that knows whom it fits.
 *
 * Conditions are written so that neither database turns one into its way of reading: columns are joined with nothing,
 * and subqueries give a value instead of existing. Which index is read is decided in tenantList.ts, not guessed from statistics.
 */
export type Condition = (eb: ExpressionBuilder<Schema, "tenants">) => Expression<SqlBool>;

/** So many of the ids at most, in no order, some of them repeated. */
type Ids = (db: Reader, limit: number) => AliasableExpression<{ tenantId: string }>;

export interface TenantSource {
  readonly ids: Ids;
  /** The same number of rows, where counting them is cheaper than naming their tenants. */
  readonly rows?: (db: Reader, limit: number) => AliasableExpression<{ targetId: string }>;
}

export interface TenantFilters {
  readonly conditions: readonly Condition[];
  readonly sources: readonly TenantSource[];
}

/** All but status, by which there are indexes in every order. */
export function tenantFilters(query: TenantListQuery): TenantFilters {
  const parts = [
    planFilter(query),
    planVersionFilter(query),
    labelFilter(query),
    slugFilter(query),
    wordFilter(query),
    targetFilter(query),
  ];
  return {
    conditions: parts.flatMap(({ conditions }) => conditions),
    sources: parts.flatMap(({ sources }) => sources),
  };
}

const NONE: TenantFilters = { conditions: [], sources: [] };

function planFilter({ plan }: TenantListQuery): TenantFilters {
  if (plan === undefined) return NONE;
  const ids: Ids = (db, limit) =>
    db.selectFrom("tenants").select("tenantId").where("plan", "=", plan).limit(limit);
  return { conditions: [() => sql`tenants.plan || '' = ${plan}`], sources: [{ ids }] };
}

/** Of one plan it is found by an index; of any, it only holds back. */
function planVersionFilter({ plan, planVersion }: TenantListQuery): TenantFilters {
  if (planVersion === undefined) return NONE;
  const ids: Ids = (db, limit) =>
    db
      .selectFrom("tenants")
      .select("tenantId")
      .where("plan", "=", plan ?? "")
      .where("planVersion", "=", planVersion)
      .limit(limit);
  const condition: Condition = () => sql`tenants.plan_version + 0 = ${planVersion}`;
  return { conditions: [condition], sources: plan === undefined ? [] : [{ ids }] };
}

function labelFilter({ label }: TenantListQuery): TenantFilters {
  if (label === undefined) return NONE;
  const [key = "", ...rest] = label.split("=");
  const value = rest.join("=");
  const ids: Ids = (db, limit) =>
    db
      .selectFrom("tenantLabels")
      .select("tenantId")
      .where("key", "=", key)
      .where("value", "=", value)
      .limit(limit);
  const condition: Condition = (eb) =>
    isThere(
      eb
        .selectFrom("tenantLabels")
        .select(sql.lit(1).as("one"))
        .whereRef("tenantLabels.tenantId", "=", "tenants.tenantId")
        .where("tenantLabels.key", "=", key)
        .where("tenantLabels.value", "=", value)
        .limit(1),
    );
  return { conditions: [condition], sources: [{ ids }] };
}

/** A range rather than LIKE: it uses the index in every dialect. `~` sorts after all that a slug may hold. */
export function slugRange(prefix: string): readonly [from: string, before: string] {
  return [prefix, `${prefix}~`];
}

function slugFilter({ slugPrefix, status, sort = "-createdAt" }: TenantListQuery): TenantFilters {
  if (slugPrefix === undefined || sort === "slug" || sort === "-slug") return NONE;
  const [from, before] = slugRange(slugPrefix);
  const ids: Ids = (db, limit) => {
    const rows = db.selectFrom("tenants").select("tenantId");
    const some = status ? rows.where("status", "=", status) : rows.where("deletedAt", "is", null);
    return some.where("slug", ">=", from).where("slug", "<", before).limit(limit);
  };
  return { conditions: [slugCondition(slugPrefix)], sources: [{ ids }] };
}

export function slugCondition(prefix: string): Condition {
  const [from, before] = slugRange(prefix);
  return () => sql`(tenants.slug || '' >= ${from} and tenants.slug || '' < ${before})`;
}

/** Sorts after every word with the same beginning. */
const LAST = "\u{10ffff}";

function wordFilter({ search }: TenantListQuery): TenantFilters {
  const words = search === undefined ? [] : wordsOf([search], SEARCH_LIMITS.wordsPerQuery);
  return {
    conditions: words.map(
      (word): Condition =>
        (eb) =>
          isThere(
            eb
              .selectFrom("tenantWords")
              .select(sql.lit(1).as("one"))
              .whereRef("tenantWords.tenantId", "=", "tenants.tenantId")
              .where("tenantWords.word", ">=", word)
              .where("tenantWords.word", "<", word + LAST)
              .limit(1),
          ),
    ),
    sources: words.map((word) => ({
      ids: (db, limit) =>
        db
          .selectFrom("tenantWords")
          .select("tenantId")
          .where("word", ">=", word)
          .where("word", "<", word + LAST)
          .limit(limit),
    })),
  };
}

const COMPARED = { current: "=", behind: "<", ahead: ">" } as const;

function targetFilter(query: TenantListQuery): TenantFilters {
  const { region, environment, release, version, health, drift } = query;
  const asked = [region, environment, release, version, health, drift];
  if (asked.every((value) => value === undefined)) return NONE;
  const condition: Condition = (eb) => {
    let targets = eb
      .selectFrom("targets")
      // CROSS JOIN, as SQLite would begin with whom a state fits: with nearly everybody.
      .crossJoin("targetObservations as seen")
      .select(sql.lit(1).as("one"))
      .whereRef("seen.targetId", "=", "targets.targetId")
      .whereRef("targets.tenantId", "=", "tenants.tenantId")
      .where("targets.deletedAt", "is", null);
    if (region) targets = targets.where("targets.region", "=", region);
    if (environment) targets = targets.where("targets.environment", "=", environment);
    if (release) targets = targets.where(sql<SqlBool>`targets.current_release_number + 0 = ${release}`);
    if (version) targets = targets.where(versionIs(version));
    if (health) targets = targets.where("seen.health", "=", health);
    if (drift) targets = targets.where("seen.drift", "=", drift);
    return isThere(targets.limit(1));
  };
  return { conditions: [condition], sources: [...targetSources(query), ...seenSources(query)] };
}

function targetSources({ region, environment, release, version }: TenantListQuery): TenantSource[] {
  const by = (column: "region" | "environment", value: string): TenantSource => ({
    ids: (db, limit) =>
      db
        .selectFrom("targets")
        .select("tenantId")
        .where(column, "=", value as never)
        .where("deletedAt", "is", null)
        .limit(limit),
  });
  const running = (number: number): TenantSource => ({
    ids: (db, limit) =>
      db.selectFrom("targets").select("tenantId").where("currentReleaseNumber", "=", number).limit(limit),
  });
  const elsewhere: TenantSource = {
    ids: (db, limit) =>
      db
        .selectFrom("targets")
        .select("tenantId")
        .where(versionIs(version ?? "behind"))
        .limit(limit),
  };
  return [
    ...(region === undefined ? [] : [by("region", region)]),
    ...(environment === undefined ? [] : [by("environment", environment)]),
    ...(release === undefined ? [] : [running(release)]),
    // Whoever is neither is nearly everybody, or has no release to compare: no index tells them.
    ...(version === "behind" || version === "ahead" ? [elsewhere] : []),
  ];
}

function seenSources({ health, drift }: TenantListQuery): TenantSource[] {
  const by = (column: "health" | "drift", value: string): TenantSource => {
    const rows = (db: Reader, limit: number) =>
      db
        .selectFrom("targetObservations")
        .select("targetId")
        .where(column, "=", value as never)
        .limit(limit);
    const ids: Ids = (db, limit) =>
      db
        .selectFrom(rows(db, limit).as("seen"))
        .innerJoin("targets", "targets.targetId", "seen.targetId")
        .select("targets.tenantId");
    return { ids, rows };
  };
  return [
    ...(health === undefined ? [] : [by("health", health)]),
    ...(drift === undefined ? [] : [by("drift", drift)]),
  ];
}

function versionIs(version: VersionState): Expression<SqlBool> {
  const current = sql.ref("targets.currentReleaseNumber");
  const goal = sql.ref("targets.targetReleaseNumber");
  if (version === "unknown") return sql<SqlBool>`(${current} is null or ${goal} is null)`;
  return sql<SqlBool>`${current} ${sql.raw(COMPARED[version])} ${goal}`;
}

function isThere(found: Expression<unknown>): Expression<SqlBool> {
  return sql<SqlBool>`(${found}) is not null`;
}
