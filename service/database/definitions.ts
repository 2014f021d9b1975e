import { DatabaseError } from "./databaseError.ts";
import { identifier, literal, type Session } from "./session.ts";
import { unsupported } from "./unsupported.ts";

/**
 * The definitions in a tenant's schema as statements that make them again.
 *
 * Supported: tables (columns with collation, default, NOT NULL, identity, generated; unlogged; storage parameters), keys and other
 * constraints, indexes, sequences, enum types, functions and procedures, views, materialized views, triggers, comments on
 * tables, views and columns. Everything else that PostgreSQL can hold is found by unsupported.ts, and named. All
 * statements assume that the schema is the search path.
 */
export interface Definitions {
  /** Before the rows: types, sequences, functions, tables. */
  readonly before: readonly string[];
  /** After the rows, because they check or are made from them. */
  readonly after: readonly string[];
  readonly tables: readonly TableDefinition[];
  readonly sequences: readonly string[];
  /** What there is, in words that do not depend on how PostgreSQL writes an expression; part of the digest. */
  readonly names: readonly string[];
}

export interface TableDefinition {
  readonly name: string;
  /** Those that are copied: not the generated ones. */
  readonly columns: readonly string[];
  /** ORDER BY of a deterministic reading. */
  readonly order: string;
}

const NAMED_UNSUPPORTED = 20;

/** Throws `dump_unsupported` with the names of what could not be brought back. */
export async function readDefinitions(session: Session, schema: string): Promise<Definitions> {
  const found = await unsupported(session, schema);
  if (found.length > 0) throw refusal(found);
  const [types, sequences, functions, tables] = [
    await readTypes(session, schema),
    await readSequences(session, schema),
    await readFunctions(session, schema),
    await readTables(session, schema),
  ];
  const after = [
    await read(session, CONSTRAINTS, schema),
    await read(session, TABLE_INDEXES, schema),
    await readViews(session, schema),
    await read(session, VIEW_INDEXES, schema),
    await read(session, TRIGGERS, schema),
    await read(session, OWNED_SEQUENCES, schema),
    await read(session, COMMENTS, schema),
  ];
  return {
    before: [...types, ...sequences.statements, ...functions, ...tables.map(({ statement }) => statement)],
    after: after.flatMap((items) => items.map(({ statement }) => statement)),
    tables: tables.map(({ name, columns, order }) => ({ name, columns, order })),
    sequences: sequences.names,
    names: await readNames(session, schema),
  };
}

function refusal(found: readonly string[]): DatabaseError {
  const named = found.slice(0, NAMED_UNSUPPORTED).join("; ");
  const more = found.length > NAMED_UNSUPPORTED ? ` and ${found.length - NAMED_UNSUPPORTED} more` : "";
  return new DatabaseError(
    "dump_unsupported",
    `Cannot dump the database: it must hold only what can be brought back, but has ${named}${more}. Remove or replace ` +
      "them in the tenant's schema, then try again. Nothing was changed.",
  );
}

interface Statement {
  readonly statement: string;
}

async function read(session: Session, query: string, schema: string): Promise<readonly Statement[]> {
  return (await session.query<Statement>(query, [schema])).rows;
}

async function readTypes(session: Session, schema: string): Promise<readonly string[]> {
  const { rows } = await session.query<{ name: string; labels: string[] }>(
    `SELECT typname AS name, array_agg(enumlabel::text ORDER BY enumsortorder) AS labels
     FROM pg_type JOIN pg_enum ON enumtypid = pg_type.oid
     WHERE typnamespace = $1::regnamespace GROUP BY typname ORDER BY typname`,
    [identifier(schema)],
  );
  return rows.map(
    ({ name, labels }) => `CREATE TYPE ${identifier(name)} AS ENUM (${labels.map(literal).join(", ")})`,
  );
}

async function readSequences(session: Session, schema: string) {
  const { rows } = await session.query<{ name: string; statement: string; identity: boolean }>(
    `SELECT c.relname AS name, EXISTS (${IDENTITY_OF}) AS identity,
       format('CREATE %sSEQUENCE %I AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s',
         CASE relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, c.relname, format_type(seqtypid, NULL), seqincrement,
         seqmin, seqmax, seqstart, seqcache, CASE WHEN seqcycle THEN ' CYCLE' ELSE '' END) AS statement
     FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
     WHERE relnamespace = $1::regnamespace ORDER BY c.relname`,
    [identifier(schema)],
  );
  return {
    names: rows.map(({ name }) => name),
    // That of an identity column is made with the column.
    statements: rows.filter(({ identity }) => !identity).map(({ statement }) => statement),
  };
}

/** In a query over `c`, a sequence: whether it serves an identity column. */
const IDENTITY_OF = `SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
  AND refclassid = 'pg_class'::regclass AND deptype = 'i'`;

/** By name and arguments. Their bodies are not looked into before all tables are there. */
async function readFunctions(session: Session, schema: string): Promise<readonly string[]> {
  const { rows } = await session.query<Statement>(
    `SELECT pg_get_functiondef(oid) AS statement FROM pg_proc
     WHERE pronamespace = $1::regnamespace ORDER BY proname, pg_get_function_identity_arguments(oid)`,
    [identifier(schema)],
  );
  return rows.map(({ statement }) => statement);
}

interface Table extends TableDefinition, Statement {}

async function readTables(session: Session, schema: string): Promise<readonly Table[]> {
  const { rows } = await session.query<{
    name: string;
    head: string;
    tail: string;
    columns: { name: string; definition: string; generated: boolean }[];
    key: string[] | null;
  }>(TABLES, [identifier(schema)]);
  return rows.map(({ name, head, tail, columns, key }) => {
    const copied = columns.filter(({ generated }) => !generated).map((column) => column.name);
    const row = `ROW(${copied.map(identifier).join(", ")})::text COLLATE "C"`;
    return {
      ...{ name, columns: copied, order: key === null ? row : key.join(", ") },
      statement: `${head} (${columns.map(({ definition }) => definition).join(", ")})${tail}`,
    };
  });
}

/** Text of a key is ordered by its bytes, so that servers with other collations agree. */
const TABLES = `
SELECT c.relname AS name,
  format('CREATE %sTABLE %I', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, c.relname) AS head,
  CASE WHEN c.reloptions IS NULL THEN '' ELSE ' WITH (' || array_to_string(c.reloptions, ', ') || ')' END AS tail,
  (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'generated', a.attgenerated <> '',
      'definition', format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
        || CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation
             THEN format(' COLLATE %s', a.attcollation::regcollation) ELSE '' END
        || CASE WHEN a.attidentity <> '' THEN format(' GENERATED %s AS IDENTITY (%s)',
             CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
             (SELECT format('SEQUENCE NAME %I INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s',
                q.relname, seqincrement, seqmin, seqmax, seqstart, seqcache, CASE WHEN seqcycle THEN ' CYCLE' ELSE '' END)
              FROM pg_sequence JOIN pg_class q ON q.oid = seqrelid
              WHERE seqrelid = pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname)::regclass))
           WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s)%s', pg_get_expr(d.adbin, d.adrelid),
             CASE a.attgenerated WHEN 's' THEN ' STORED' ELSE ' VIRTUAL' END)
           WHEN d.adbin IS NOT NULL THEN format(' DEFAULT %s', pg_get_expr(d.adbin, d.adrelid)) ELSE '' END
        || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END) ORDER BY a.attnum), '[]')
   FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
   LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  (SELECT array_agg(format('%I%s', a.attname, CASE WHEN t.typcollation <> 0 THEN ' COLLATE "C"' ELSE '' END)
     ORDER BY array_position(i.indkey::int2[], a.attnum))
   FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])
   JOIN pg_type t ON t.oid = a.atttypid
   WHERE i.indrelid = c.oid AND i.indisprimary) AS key
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r' ORDER BY c.relname`;

/** Keys before what refers to them. */
const CONSTRAINTS = `
SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, conname, pg_get_constraintdef(con.oid)) AS statement
FROM pg_constraint con JOIN pg_class c ON c.oid = conrelid
WHERE connamespace = quote_ident($1)::regnamespace AND contype IN ('p', 'u', 'x', 'c', 'f')
ORDER BY contype = 'f', contype = 'c', c.relname, conname`;

const indexes = (kind: string) => `
SELECT pg_get_indexdef(i.indexrelid) AS statement
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
WHERE c.relnamespace = quote_ident($1)::regnamespace AND c.relkind = '${kind}'
  AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY x.relname`;
const TABLE_INDEXES = indexes("r");
const VIEW_INDEXES = indexes("m");

const TRIGGERS = `
SELECT pg_get_triggerdef(t.oid) AS statement FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
WHERE c.relnamespace = quote_ident($1)::regnamespace AND NOT tgisinternal ORDER BY c.relname, tgname`;

const OWNED_SEQUENCES = `
SELECT format('ALTER SEQUENCE %I OWNED BY %I.%I', s.relname, c.relname, a.attname) AS statement
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
  AND s.relnamespace = quote_ident($1)::regnamespace ORDER BY s.relname`;

const COMMENTS = `
SELECT CASE WHEN objsubid = 0
    THEN format('COMMENT ON %s %I IS %L', CASE relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW'
      ELSE 'MATERIALIZED VIEW' END, relname, description)
    ELSE format('COMMENT ON COLUMN %I.%I IS %L', relname, attname, description) END AS statement
FROM pg_description JOIN pg_class c ON c.oid = objoid AND classoid = 'pg_class'::regclass
LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
WHERE relnamespace = quote_ident($1)::regnamespace AND relkind IN ('r', 'v', 'm') ORDER BY relname, objsubid`;

interface View extends Statement {
  readonly oid: number;
  readonly uses: readonly number[];
}

/** Each after those that it reads. */
async function readViews(session: Session, schema: string): Promise<readonly Statement[]> {
  const { rows } = await session.query<View>(
    `SELECT c.oid::int8::float8 AS oid, format('CREATE %sVIEW %I (%s)%s AS %s',
       CASE relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, relname,
       (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0),
       CASE WHEN reloptions IS NULL THEN '' ELSE ' WITH (' || array_to_string(reloptions, ', ') || ')' END,
       rtrim(pg_get_viewdef(c.oid), ';')) AS statement,
       ARRAY(SELECT DISTINCT d.refobjid::int8::float8 FROM pg_rewrite r JOIN pg_depend d
         ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
         WHERE r.ev_class = c.oid AND d.refobjid <> c.oid) AS uses
     FROM pg_class c WHERE relnamespace = $1::regnamespace AND relkind IN ('v', 'm') ORDER BY relname`,
    [identifier(schema)],
  );
  const ordered: View[] = [];
  const visit = (view: View) => {
    if (ordered.includes(view)) return;
    for (const used of rows.filter(({ oid }) => view.uses.includes(oid))) visit(used);
    ordered.push(view);
  };
  for (const view of rows) visit(view);
  return ordered;
}

async function readNames(session: Session, schema: string): Promise<readonly string[]> {
  const { rows } = await session.query<{ item: string }>(
    `SELECT relkind::text || ' ' || relname AS item FROM pg_class WHERE relnamespace = $1::regnamespace
     UNION ALL SELECT 'column ' || relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
       FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
       WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
     UNION ALL SELECT 'constraint ' || relname || '.' || conname FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
       WHERE connamespace = $1::regnamespace AND contype <> 'n'
     UNION ALL SELECT 'function ' || proname || '(' || pg_get_function_identity_arguments(oid) || ')' FROM pg_proc
       WHERE pronamespace = $1::regnamespace
     UNION ALL SELECT 'enum ' || typname FROM pg_type WHERE typnamespace = $1::regnamespace AND typtype = 'e'
     UNION ALL SELECT 'trigger ' || relname || '.' || tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
       WHERE relnamespace = $1::regnamespace AND NOT tgisinternal`,
    [identifier(schema)],
  );
  return rows.map(({ item }) => item).sort();
}
