/**
 * The persisted account: every object of every account and region, in one SQLite file.
 *
 * It promises that what one provider call does happens wholly or not at all (`transaction`), that indexed look-ups
 * (id, ARN, unique name, references, tags) stay fast with tens of thousands of objects, and that an object whose
 * recovery window has passed is gone. It knows nothing of AWS: what a name or a reference is, the types say.
 */
import Database from "better-sqlite3";
import type { Properties, StoredResource } from "../resourceType.ts";
import { object } from "../values.ts";
import { type Contents, createContents } from "./contents.ts";
import { prepareDatabase } from "./schema.ts";

export interface NewResource {
  readonly account: string;
  readonly region: string;
  readonly type: string;
  readonly id: string;
  readonly arn: string | undefined;
  readonly name: string | undefined;
  readonly nameScope: string | undefined;
  readonly properties: Properties;
  readonly inputKeys: readonly string[];
  readonly runtime: Properties;
  readonly references: readonly string[];
}

/** Everything but the key; the other members are replaced as given. */
export type ResourceChange = Partial<
  Pick<NewResource, "arn" | "name" | "nameScope" | "properties" | "inputKeys" | "runtime" | "references">
> & { readonly deletionAtMs?: number };

export interface ResourceKey {
  readonly account: string;
  readonly region: string;
  readonly type: string;
  readonly id: string;
}

/** A stored object with what only the store and the provider service need. */
export interface ResourceRecord extends StoredResource {
  readonly sequence: number;
  readonly inputKeys: readonly string[];
}

export interface ResourceFilter {
  readonly type?: string;
  readonly account?: string;
  readonly region?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Id, ARN or unique name. */
  readonly called?: string;
  readonly afterSequence?: number;
  readonly limit?: number;
}

export interface Store {
  transaction<T>(work: () => T): T;
  find(key: ResourceKey): ResourceRecord | undefined;
  findByArn(arn: string): ResourceRecord | undefined;
  findByName(type: string, nameScope: string, name: string): ResourceRecord | undefined;
  referrers(account: string, target: string, type?: string): readonly ResourceRecord[];
  list(filter: ResourceFilter): readonly ResourceRecord[];
  /** All objects, or the present ones of a type. */
  count(of?: { account: string; region: string; type: string }): number;
  /** Adds one and returns the new value; starts at 1. */
  nextValue(counter: string): number;
  put(resource: NewResource): ResourceRecord;
  change(key: ResourceKey, change: ResourceChange): void;
  remove(key: ResourceKey): void;
  readonly contents: Contents;
  setting(key: string): string | undefined;
  setSetting(key: string, value: string): void;
  close(): void;
}

interface Row {
  sequence: number;
  account: string;
  region: string;
  type: string;
  id: string;
  arn: string | null;
  name: string | null;
  properties: string;
  input_keys: string;
  runtime: string;
  deletion_at_ms: number | null;
  created_at: string;
}

const COLUMNS = `sequence, account, region, type, id, arn, name, properties, input_keys, runtime, deletion_at_ms,
  created_at`;

function toRecord(row: Row): ResourceRecord {
  return {
    sequence: row.sequence,
    account: row.account,
    region: row.region,
    type: row.type,
    id: row.id,
    arn: row.arn ?? undefined,
    name: row.name ?? undefined,
    properties: JSON.parse(row.properties),
    inputKeys: JSON.parse(row.input_keys),
    runtime: JSON.parse(row.runtime),
    state: row.deletion_at_ms === null ? "present" : "scheduled_for_deletion",
    deletionAt: row.deletion_at_ms === null ? undefined : new Date(row.deletion_at_ms).toISOString(),
    createdAt: row.created_at,
  };
}

/** Statements are prepared once each: a provider call makes a dozen of them. */
function statementCache(database: Database.Database) {
  const statements = new Map<string, Database.Statement<unknown[]>>();
  return (sql: string): Database.Statement<unknown[]> => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare<unknown[]>(sql);
    statements.set(sql, statement);
    return statement;
  };
}

function tagsOf(properties: Properties): readonly (readonly [string, string])[] {
  const tags = object(properties, "tagsAll") ?? object(properties, "tags") ?? {};
  return Object.entries(tags).filter((tag): tag is [string, string] => typeof tag[1] === "string");
}

/** Opens or creates `file`. `nowMs` decides which recovery windows have passed. */
export function openStore(file: string, nowMs: () => number = Date.now): Store {
  const database = new Database(file);
  prepareDatabase(database);
  const sql = statementCache(database);

  function one(statement: string, ...values: readonly unknown[]): ResourceRecord | undefined {
    const row = sql(`SELECT ${COLUMNS} FROM resources WHERE ${statement}`).get(...values);
    return row === undefined ? undefined : toRecord(row as Row);
  }
  function many(statement: string, ...values: readonly unknown[]): readonly ResourceRecord[] {
    const rows = sql(`SELECT ${COLUMNS} FROM resources WHERE ${statement}`).all(...values);
    return rows.map((row) => toRecord(row as Row));
  }
  function purge(): void {
    sql("DELETE FROM resources WHERE deletion_at_ms IS NOT NULL AND deletion_at_ms <= ?").run(nowMs());
  }
  function index(
    sequence: number | bigint,
    references: readonly string[] | undefined,
    properties?: Properties,
  ) {
    if (references !== undefined) {
      sql("DELETE FROM resource_references WHERE sequence = ?").run(sequence);
      const insert = sql("INSERT OR IGNORE INTO resource_references (target, sequence) VALUES (?, ?)");
      for (const target of references) insert.run(target, sequence);
    }
    if (properties !== undefined) {
      sql("DELETE FROM resource_tags WHERE sequence = ?").run(sequence);
      const insert = sql("INSERT OR IGNORE INTO resource_tags (key, value, sequence) VALUES (?, ?, ?)");
      for (const [key, value] of tagsOf(properties)) insert.run(key, value, sequence);
    }
  }
  function find(key: ResourceKey): ResourceRecord | undefined {
    return one(
      "account = ? AND region = ? AND type = ? AND id = ?",
      key.account,
      key.region,
      key.type,
      key.id,
    );
  }

  return {
    transaction: (work) =>
      database.transaction(() => {
        purge();
        return work();
      })(),
    find,
    findByArn: (arn) => one("arn = ? ORDER BY deletion_at_ms IS NOT NULL, sequence LIMIT 1", arn),
    findByName: (type, nameScope, name) =>
      one("type = ? AND name_scope = ? AND name = ? ORDER BY sequence LIMIT 1", type, nameScope, name),
    referrers: (account, target, type) =>
      many(
        `+account = ? AND deletion_at_ms IS NULL AND (? IS NULL OR type = ?)
         AND sequence IN (SELECT sequence FROM resource_references WHERE target = ?) ORDER BY sequence`,
        account,
        type ?? null,
        type ?? null,
        target,
      ),
    list(filter) {
      const { where, values } = filterClause(filter);
      return many(`${where} ORDER BY sequence LIMIT ?`, ...values, filter.limit ?? -1);
    },
    count(of) {
      if (of === undefined) return Number(sql("SELECT count(*) FROM resources").pluck().get());
      const statement = sql(
        "SELECT count(*) FROM resources WHERE type = ? AND account = ? AND region = ? AND deletion_at_ms IS NULL",
      );
      return Number(statement.pluck().get(of.type, of.account, of.region));
    },
    nextValue(counter) {
      const statement = sql(
        `INSERT INTO settings (key, value) VALUES (?, '1')
         ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING value`,
      );
      return Number(statement.pluck().get(`counter:${counter}`));
    },
    put(resource) {
      sql("DELETE FROM resources WHERE account = ? AND region = ? AND type = ? AND id = ?").run(
        resource.account,
        resource.region,
        resource.type,
        resource.id,
      );
      const { lastInsertRowid } = sql(
        `INSERT INTO resources (account, region, type, id, arn, name, name_scope, properties, input_keys, runtime,
           created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ).run(
        resource.account,
        resource.region,
        resource.type,
        resource.id,
        resource.arn ?? null,
        resource.name ?? null,
        resource.nameScope ?? null,
        JSON.stringify(resource.properties),
        JSON.stringify(resource.inputKeys),
        JSON.stringify(resource.runtime),
        new Date(nowMs()).toISOString(),
      );
      index(lastInsertRowid, resource.references, resource.properties);
      const stored = find(resource);
      if (stored === undefined)
        throw new Error(`Cannot store ${resource.type} ${resource.id}: the row is gone.`);
      return stored;
    },
    change(key, change) {
      const current = find(key);
      if (current === undefined) return;
      const set = changeClause(change);
      if (set.columns.length > 0) {
        sql(`UPDATE resources SET ${set.columns.join(", ")} WHERE sequence = ?`).run(
          ...set.values,
          current.sequence,
        );
      }
      index(current.sequence, change.references, change.properties);
    },
    remove(key) {
      sql("DELETE FROM resources WHERE account = ? AND region = ? AND type = ? AND id = ?").run(
        key.account,
        key.region,
        key.type,
        key.id,
      );
    },
    contents: createContents(database, nowMs),
    setting(key) {
      const value = sql("SELECT value FROM settings WHERE key = ?").pluck().get(key);
      return typeof value === "string" ? value : undefined;
    },
    setSetting(key, value) {
      sql(
        "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      ).run(key, value);
    },
    close: () => database.close(),
  };
}

const CALLED = ["id", "arn", "name"]
  .map((column) => `SELECT sequence FROM resources WHERE ${column} = ?`)
  .join(" UNION ");

function filterClause(filter: ResourceFilter): { where: string; values: unknown[] } {
  // A plus keeps SQLite from walking the whole table by sequence, or a whole type, when another index narrows it down.
  const where = ["+sequence > ?"];
  const values: unknown[] = [filter.afterSequence ?? 0];
  const plus = filter.called === undefined ? "" : "+";
  for (const column of ["type", "account", "region"] as const) {
    if (filter[column] === undefined) continue;
    where.push(`${plus}${column} = ?`);
    values.push(filter[column]);
  }
  if (filter.called !== undefined) {
    where.push(`sequence IN (${CALLED})`);
    values.push(filter.called, filter.called, filter.called);
  }
  for (const [key, value] of Object.entries(filter.tags ?? {})) {
    where.push("sequence IN (SELECT sequence FROM resource_tags WHERE key = ? AND value = ?)");
    values.push(key, value);
  }
  return { where: where.join(" AND "), values };
}

function changeClause(change: ResourceChange): { columns: string[]; values: unknown[] } {
  const pairs: [string, unknown][] = [];
  if ("arn" in change) pairs.push(["arn", change.arn ?? null]);
  if ("name" in change) pairs.push(["name", change.name ?? null]);
  if ("nameScope" in change) pairs.push(["name_scope", change.nameScope ?? null]);
  if (change.properties !== undefined) pairs.push(["properties", JSON.stringify(change.properties)]);
  if (change.inputKeys !== undefined) pairs.push(["input_keys", JSON.stringify(change.inputKeys)]);
  if (change.runtime !== undefined) pairs.push(["runtime", JSON.stringify(change.runtime)]);
  if (change.deletionAtMs !== undefined) pairs.push(["deletion_at_ms", change.deletionAtMs]);
  return { columns: pairs.map(([column]) => `${column} = ?`), values: pairs.map(([, value]) => value) };
}
