import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataName, tenantNames } from "../../service/database/names.ts";
import { attempt, type DatabaseWorld, memoryDump, openDatabaseWorld, tenantDatabase } from "./world.ts";

/**
 * A tenant may write functions, and dumps and restores run them: in generated columns, in indexes, in checks. Whatever they
 * try, they are nobody but the tenant.
 */
let world: DatabaseWorld;
beforeAll(async () => {
  world = await openDatabaseWorld();
});
afterAll(() => world?.close());

const victim = tenantDatabase(21);

/** Leaves the role it was given, and joins the victim's owner with whatever it is then. */
const TAKE_OVER = (schema: string, login: string) => `
CREATE FUNCTION take_over() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('role', 'none', true);
  IF current_setting('transaction_read_only') = 'on' THEN
    EXECUTE 'SET LOCAL ROLE ${dataName(victim.tenantId)}_owner';
    PERFORM pg_notify('loot', (SELECT string_agg(secret, ',') FROM ${dataName(victim.tenantId)}.facts));
  ELSE
    EXECUTE 'GRANT ${dataName(victim.tenantId)}_owner TO ${login}';
  END IF;
  PERFORM set_config('role', '${schema}_owner', true);
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
CREATE FUNCTION innocent(word text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RETURN word || left(${schema}.take_over(), 0); END $$;`;

it("cannot keep others waiting for a tenant by its locks", async () => {
  await world.databases.provision(world.place, victim, "operation");
  const other = tenantDatabase(24);
  await world.databases.provision(world.place, other, "operation");
  const client = await world.connect(other);
  const { data, owner } = tenantNames(victim.tenantId, 1);
  for (const name of [data, owner, "server"]) {
    await client.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [`tenantry: ${name}`]);
  }
  await world.databases.rotatePassword(world.place, victim, "rotation");
  const dump = memoryDump();
  await world.databases.dump(world.place, victim, dump);
  await world.databases.restore(world.place, victim, dump);
  await client.end();
});

describe.each([
  ["of a schema", tenantDatabase(22)],
  ["of a database", tenantDatabase(23, "database")],
])("a tenant's code, in a tenant %s", (_, tenant) => {
  const { data, logins } = tenantNames(tenant.tenantId, 1);
  const loot: string[] = [];

  beforeAll(async () => {
    await world.databases.provision(world.place, victim, "operation");
    const owner = await world.connect(victim);
    await owner.query("CREATE TABLE IF NOT EXISTS facts (secret text)");
    await owner.query("INSERT INTO facts VALUES ('private words')");
    await owner.end();
    await world.databases.provision(world.place, tenant, "operation");
    const client = await world.connect(tenant);
    await client.query(TAKE_OVER(data, logins[0]));
    await client.query("CREATE TABLE bait (id int, word text GENERATED ALWAYS AS (innocent('x')) STORED)");
    await client.query("INSERT INTO bait (id) VALUES (1)");
    await client.query("CREATE INDEX bait_index ON bait (id) WHERE innocent('x') = 'x'");
    await client.end();
  });

  it("gains nothing while it is dumped, read and restored", async () => {
    const client = await world.connect(tenant);
    client.on("notification", ({ payload = "" }) => loot.push(payload));
    await client.query("LISTEN loot");
    const dump = memoryDump();
    const before = await world.databases.dump(world.place, tenant, dump);
    expect(await world.databases.contents(world.place, tenant)).toEqual(before);
    await client.query("SELECT 1");
    expect(loot).toEqual([]);
    expect(await world.databases.restore(world.place, tenant, dump)).toEqual(before);
    await client.query("RESET ROLE");
    expect(await attempt(client, `SET ROLE ${dataName(victim.tenantId)}_owner`)).toBe("42501");
    await client.end();
    const roles = await world.admin(
      `SELECT rolcanlogin FROM pg_roles WHERE rolname IN ('${data}_owner', '${dataName(victim.tenantId)}_owner')`,
    );
    expect(roles).toEqual([{ rolcanlogin: false }, { rolcanlogin: false }]);
  });
});
