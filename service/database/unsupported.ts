import { identifier, type Session } from "./session.ts";

/** What is in a tenant's schema, or its database, that a dump could not bring back: kind and name. */
export async function unsupported(session: Session, schema: string): Promise<readonly string[]> {
  const { rows } = await session.query<{ item: string }>(UNSUPPORTED, [identifier(schema)]);
  return rows.map(({ item }) => item);
}

/**
 * Each part finds one kind. What a session made under another role, beside the schema, counts too: in a database of its own a
 * tenant can make more schemas, and large objects lie in none.
 */
const PARTS: Readonly<Record<string, string>> = {
  "foreign or partitioned table": `
    SELECT relname
    FROM pg_class
    WHERE relnamespace = n.oid AND (relkind IN ('f', 'p', 'I') OR relispartition)`,
  "composite type": `
    SELECT relname
    FROM pg_class
    WHERE relnamespace = n.oid AND relkind = 'c'`,
  "table that inherits": `
    SELECT relname
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE relnamespace = n.oid AND NOT relispartition AND relkind = 'r'`,
  "table with row security": `
    SELECT relname
    FROM pg_class
    WHERE relnamespace = n.oid AND (relrowsecurity OR relforcerowsecurity)`,
  "table of a type, tablespace, access method or replica identity of its own": `
    SELECT relname
    FROM pg_class
    LEFT JOIN pg_am ON pg_am.oid = relam
    WHERE relnamespace = n.oid AND relkind IN ('r', 'm') AND (reloftype <> 0 OR reltablespace <> 0
      OR relreplident <> 'd' OR amname <> 'heap')`,
  "materialized view without rows": `
    SELECT relname
    FROM pg_class
    WHERE relnamespace = n.oid AND relkind = 'm' AND NOT relispopulated`,
  "column with storage settings of its own": `
    SELECT relname || '.' || attname
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_type t ON t.oid = atttypid
    WHERE relnamespace = n.oid AND relkind IN ('r', 'm') AND attnum > 0 AND NOT attisdropped
      AND (attstorage <> typstorage OR attcompression <> '' OR attoptions IS NOT NULL
      OR coalesce(attstattarget, -1) <> -1)`,
  "domain, range or base type": `
    SELECT typname
    FROM pg_type t
    WHERE typnamespace = n.oid AND typtype IN ('d', 'r', 'm', 'b') AND NOT EXISTS (SELECT 1
    FROM pg_type e
    WHERE e.typarray = t.oid)`,
  "aggregate or window function": `
    SELECT proname
    FROM pg_proc
    WHERE pronamespace = n.oid AND prokind IN ('a', 'w')`,
  "function with an SQL-standard body": `
    SELECT proname
    FROM pg_proc
    WHERE pronamespace = n.oid AND prosqlbody IS NOT NULL`,
  "function whose arguments default to a call": `
    SELECT proname
    FROM pg_proc
    WHERE pronamespace = n.oid AND proargdefaults IS NOT NULL AND pg_get_expr(proargdefaults, 0) ~ '\\('`,
  "function over a table's row type": `
    SELECT proname
    FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype OR t.oid = ANY (p.proargtypes)
      OR t.oid = ANY (p.proallargtypes) JOIN pg_class c ON c.oid = t.typrelid
      OR c.oid = (SELECT typrelid
    FROM pg_type e
    WHERE e.oid = t.typelem AND e.typarray = t.oid)
    WHERE pronamespace = n.oid AND c.relnamespace = n.oid`,
  rule: `
    SELECT relname || '.' || rulename
    FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class
    WHERE relnamespace = n.oid AND rulename <> '_RETURN'`,
  "row security policy": `
    SELECT relname || '.' || polname
    FROM pg_policy JOIN pg_class c ON c.oid = polrelid
    WHERE relnamespace = n.oid`,
  "trigger that is switched off or on another schema's function": `
    SELECT relname || '.' || tgname
    FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid JOIN pg_proc p ON p.oid = tgfoid
    WHERE relnamespace = n.oid AND NOT tgisinternal AND (tgenabled <> 'O'
      OR pronamespace NOT IN (n.oid, 'pg_catalog'::regnamespace))`,
  "invalid or clustered index": `
    SELECT x.relname
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE x.relnamespace = n.oid AND (NOT indisvalid OR indisclustered OR indisreplident)`,
  "constraint trigger or inherited NOT NULL": `
    SELECT conname
    FROM pg_constraint
    WHERE connamespace = n.oid AND (contype = 't' OR (contype = 'n' AND connoinherit))`,
  operator: `
    SELECT oprname
    FROM pg_operator
    WHERE oprnamespace = n.oid`,
  "operator class": `
    SELECT opcname
    FROM pg_opclass
    WHERE opcnamespace = n.oid`,
  "operator family": `
    SELECT opfname
    FROM pg_opfamily
    WHERE opfnamespace = n.oid`,
  collation: `
    SELECT collname
    FROM pg_collation
    WHERE collnamespace = n.oid`,
  conversion: `
    SELECT conname
    FROM pg_conversion
    WHERE connamespace = n.oid`,
  "text search configuration": `
    SELECT cfgname
    FROM pg_ts_config
    WHERE cfgnamespace = n.oid`,
  "text search dictionary": `
    SELECT dictname
    FROM pg_ts_dict
    WHERE dictnamespace = n.oid`,
  "extended statistics": `
    SELECT stxname
    FROM pg_statistic_ext
    WHERE stxnamespace = n.oid`,
  "privileges granted on": `
    SELECT relname
    FROM pg_class
    WHERE relnamespace = n.oid AND relacl IS NOT NULL
    UNION ALL SELECT proname
    FROM pg_proc
    WHERE pronamespace = n.oid AND proacl IS NOT NULL
    UNION ALL SELECT typname
    FROM pg_type
    WHERE typnamespace = n.oid AND typacl IS NOT NULL
    UNION ALL SELECT relname || '.' || attname
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE relnamespace = n.oid AND attacl IS NOT NULL`,
  "default privileges": `
    SELECT pg_get_userbyid(defaclrole)
    FROM pg_default_acl
    WHERE defaclrole = n.nspowner`,
  "comment on something else than a table, view or column": `
    SELECT pg_describe_object(classoid, objoid, objsubid)
    FROM pg_description d
    WHERE (SELECT relnamespace
    FROM pg_class
    WHERE oid = objoid AND classoid = 'pg_class'::regclass AND relkind NOT IN ('r', 'v', 'm')) = n.oid
    OR (classoid = 'pg_proc'::regclass AND (SELECT pronamespace
    FROM pg_proc
    WHERE oid = objoid) = n.oid)
    OR (classoid = 'pg_type'::regclass AND (SELECT typnamespace
    FROM pg_type
    WHERE oid = objoid) = n.oid)
    OR (classoid = 'pg_constraint'::regclass AND (SELECT connamespace
    FROM pg_constraint
    WHERE oid = objoid) = n.oid)
    OR (classoid = 'pg_trigger'::regclass AND (SELECT relnamespace
    FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
    WHERE pg_trigger.oid = objoid) = n.oid)
    OR (classoid = 'pg_namespace'::regclass AND objoid = n.oid)`,
  "large object": `
    SELECT oid::text
    FROM pg_largeobject_metadata
    WHERE pg_has_role(lomowner, n.nspowner, 'USAGE')`,
  publication: `
    SELECT pubname
    FROM pg_publication
    WHERE pg_has_role(pubowner, n.nspowner, 'USAGE')`,
  "schema beside its own": `
    SELECT nspname
    FROM pg_namespace o
    WHERE o.nspowner = n.nspowner AND o.oid <> n.oid`,
  "something outside its schema": `
    SELECT relname
    FROM pg_class c
    WHERE c.relowner = n.nspowner AND c.relnamespace <> n.oid AND c.relkind <> 't'
      AND NOT EXISTS (SELECT 1
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE i.indexrelid = c.oid AND t.relkind = 't')
    UNION ALL SELECT proname
    FROM pg_proc
    WHERE proowner = n.nspowner AND pronamespace <> n.oid
    UNION ALL SELECT extname
    FROM pg_extension
    WHERE extowner = n.nspowner`,
};

const UNSUPPORTED = `SELECT item FROM pg_namespace n, LATERAL (${Object.entries(PARTS)
  .map(
    ([kind, query]) =>
      `SELECT '${kind.replaceAll("'", "''")} ' || name AS item FROM (${query}) AS found (name)`,
  )
  .join(" UNION ALL ")}) AS items WHERE n.oid = $1::regnamespace ORDER BY item`;
