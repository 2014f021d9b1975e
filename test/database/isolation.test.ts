import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataName, tenantNames } from "../../service/database/names.ts";
import type { TenantDatabase } from "../../service/database/tenantDatabases.ts";
import { attempt, type DatabaseWorld, openDatabaseWorld, tenantDatabase } from "./world.ts";

/** PostgreSQL's words for: it is not yours, you may not connect, you may not be that role. */
const DENIED = "42501";

let world: DatabaseWorld;
beforeAll(async () => {
  world = await openDatabaseWorld();
});
afterAll(() => world?.close());

const pooled = tenantDatabase(1);
const neighbour = tenantDatabase(2);
const dedicated = tenantDatabase(3, "database");
const dedicatedNeighbour = tenantDatabase(4, "database");

async function fill(tenant: TenantDatabase): Promise<void> {
  await world.databases.provision(world.place, tenant, "operation-1");
  const client = await world.connect(tenant);
  await client.query("CREATE TABLE facts (id serial PRIMARY KEY, secret text)");
  await client.query("INSERT INTO facts (secret) VALUES ('mine')");
  await client.query("CREATE FUNCTION tell() RETURNS text LANGUAGE sql AS 'SELECT secret FROM facts'");
  await client.end();
}

describe("a tenant's login", () => {
  const clients: pg.Client[] = [];
  const as = async (tenant: TenantDatabase) => {
    const client = await world.connect(tenant);
    clients.push(client);
    return client;
  };
  beforeAll(async () => {
    for (const tenant of [pooled, neighbour, dedicated, dedicatedNeighbour]) await fill(tenant);
  });
  afterAll(() => Promise.all(clients.map((client) => client.end())));

  it("comes from an administrator who is no superuser", async () => {
    const [role] = await world.admin(
      "SELECT rolsuper, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = current_user",
    );
    expect(role).toEqual({ rolsuper: false, rolbypassrls: false, rolreplication: false });
  });

  it.each([
    ["pooled", pooled],
    ["with a database of its own", dedicated],
  ])("(%s) does in its schema what it likes, as the owner", async (_, tenant) => {
    const client = await as(tenant);
    const { rows } = await client.query("SELECT current_user, current_schema, (SELECT secret FROM facts)");
    const { owner, data } = tenantNames(tenant.tenantId, 1);
    expect(rows).toEqual([{ current_user: owner, current_schema: data, secret: "mine" }]);
    expect(await attempt(client, "ALTER TABLE facts ADD COLUMN more int")).toBe("allowed");
    const owners = await client.query(
      "SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = $1::regnamespace",
      [data],
    );
    expect(owners.rows).toEqual([{ owner }]);
  });

  it.each([
    ["reading its tables", "SELECT * FROM %.facts", DENIED],
    ["writing its tables", "INSERT INTO %.facts (secret) VALUES ('x')", DENIED],
    ["emptying its tables", "TRUNCATE %.facts", DENIED],
    ["calling its functions", "SELECT %.tell()", DENIED],
    ["its sequences", "SELECT nextval('%.facts_id_seq')", DENIED],
    ["making something in its schema", "CREATE TABLE %.intruder (id int)", DENIED],
    ["dropping its schema", "DROP SCHEMA % CASCADE", DENIED],
    ["renaming its schema", "ALTER SCHEMA % RENAME TO taken", DENIED],
    ["granting itself its schema", "GRANT USAGE ON SCHEMA % TO CURRENT_USER", DENIED],
    ["owning its tables", "ALTER TABLE %.facts OWNER TO CURRENT_USER", DENIED],
    ["becoming its owner", "SET ROLE %_owner", DENIED],
    ["becoming its login", "SET ROLE %_g1_a", DENIED],
    ["becoming it for the session", "SET SESSION AUTHORIZATION %_g1_a", DENIED],
    ["joining its owner", "GRANT %_owner TO CURRENT_USER", DENIED],
    ["changing its password", "ALTER ROLE %_g1_a PASSWORD 'x'", DENIED],
    ["dropping its login", "DROP ROLE %_g1_b", DENIED],
    [
      "ending its sessions",
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%_g1_a' AND pg_terminate_backend(pid)",
      DENIED,
    ],
    ["referring to its tables", "CREATE TABLE spy (id int REFERENCES %.facts (id))", DENIED],
    ["a view over its tables", "CREATE VIEW spy AS SELECT * FROM %.facts", DENIED],
  ])("is refused %s of a neighbour's", async (_, statement, refusal) => {
    const client = await as(pooled);
    const holder = await as(neighbour);
    expect(await attempt(client, statement.replaceAll("%", dataName(neighbour.tenantId)))).toBe(refusal);
    expect(
      await attempt(client, `RESET ROLE; ${statement.replaceAll("%", dataName(neighbour.tenantId))}`),
    ).toBe(refusal);
    expect(await attempt(holder, "SELECT 1")).toBe("allowed");
  });

  it.each([
    ["a file of the server", "SELECT pg_read_file('postgresql.conf')", DENIED],
    ["a folder of the server", "SELECT pg_ls_dir('.')", DENIED],
    ["a program on the server", "COPY facts TO PROGRAM 'cat'", DENIED],
    ["a file by COPY", "COPY facts FROM '/etc/passwd'", DENIED],
    ["passwords", "SELECT rolpassword FROM pg_authid", DENIED],
    ["a new role", "CREATE ROLE intruder", DENIED],
    ["a new database", "CREATE DATABASE intruder", DENIED],
    ["a new schema", "CREATE SCHEMA intruder", DENIED],
    ["a table for everybody", "CREATE TABLE public.intruder (id int)", DENIED],
    ["temporary tables on the shared disk", "CREATE TEMP TABLE scratch (id int)", DENIED],
    ["an extension", "CREATE EXTENSION pg_stat_statements", DENIED],
    ["a setting of the server", "ALTER SYSTEM SET work_mem = '1GB'", DENIED],
    ["becoming the administrator", "SET ROLE tenantry_admin", DENIED],
    ["the administrators' group", "SET ROLE rds_superuser", DENIED],
    ["more connections than it has", "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1", DENIED],
  ])("is refused %s", async (_, statement, refusal) => {
    const client = await as(pooled);
    expect(await attempt(client, statement)).toBe(refusal);
    await client.query("RESET ROLE");
    expect(await attempt(client, statement)).toBe(refusal);
    await client.query(`SET ROLE ${tenantNames(pooled.tenantId, 1).owner}`);
  });

  it("sees of a neighbour's sessions that they are there, but not what they do", async () => {
    const holder = await as(neighbour);
    await holder.query("SELECT 'private words'");
    const client = await as(pooled);
    const { rows } = await client.query("SELECT query FROM pg_stat_activity WHERE usename = $1", [
      `${dataName(neighbour.tenantId)}_g1_a`,
    ]);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain("private words");
  });

  it.each([
    ["a pooled tenant", pooled, () => dataName(dedicated.tenantId)],
    ["a dedicated tenant", dedicatedNeighbour, () => dataName(dedicated.tenantId)],
    ["a dedicated tenant", dedicated, () => "tenantry"],
    ["a pooled tenant", pooled, () => "postgres"],
  ])("of %s cannot connect to a database that is not its own (%#)", async (_, tenant, database) => {
    await expect(world.connect(tenant, { database: database() })).rejects.toMatchObject({ code: DENIED });
  });

  it("cannot be used with another's password, nor without one", async () => {
    const { password } = JSON.parse(world.secrets.get(neighbour.secretNames[0] ?? "") ?? "");
    await expect(world.connect(pooled, { password })).rejects.toMatchObject({ code: "28P01" });
    await expect(world.connect(pooled, { password: "" })).rejects.toThrow();
    const owner = tenantNames(pooled.tenantId, 1).owner;
    await expect(world.connect(pooled, { user: owner })).rejects.toThrow();
    await expect(world.connect(pooled, { user: "rdsadmin" })).rejects.toMatchObject({ code: "28000" });
  });

  it("has a bounded number of connections and defaults against runaway statements", async () => {
    const [limit] = await world.admin<{ rolconnlimit: number }>(
      `SELECT rolconnlimit FROM pg_roles WHERE rolname = '${tenantNames(pooled.tenantId, 1).logins[0]}'`,
    );
    expect(limit?.rolconnlimit).toBe(40);
    const client = await as(pooled);
    const { rows } = await client.query("SHOW statement_timeout");
    expect(rows).toEqual([{ statement_timeout: "5min" }]);
  });
});
