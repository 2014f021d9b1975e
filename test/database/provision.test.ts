import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { dataName, tenantNames } from "../../service/database/names.ts";
import type { TenantDatabase } from "../../service/database/tenantDatabases.ts";
import { type DatabaseWorld, openDatabaseWorld, tenantDatabase } from "./world.ts";

let world: DatabaseWorld;
beforeAll(async () => {
  world = await openDatabaseWorld();
});
afterAll(() => world?.close());
afterEach(() => {
  world.onPut = undefined;
});

const held = (tenant: TenantDatabase) =>
  tenant.secretNames.map((name) => JSON.parse(world.secrets.get(name) ?? "null"));

/** Everything of the tenant's that the server knows, without what changes at each login. */
async function shape(tenant: TenantDatabase) {
  const name = dataName(tenant.tenantId);
  return world.admin(`
    SELECT rolname, rolcanlogin, rolconnlimit, rolinherit, shobj_description(oid, 'pg_authid') AS comment,
      (SELECT array_agg(s ORDER BY s) FROM pg_db_role_setting, unnest(setconfig) AS s WHERE setrole = pg_roles.oid) AS settings,
      (SELECT array_agg(roleid::regrole::text || inherit_option || set_option ORDER BY roleid::regrole::text)
       FROM pg_auth_members WHERE member = pg_roles.oid) AS member_of
    FROM pg_roles WHERE rolname LIKE '${name}%' ORDER BY rolname`);
}

async function works(tenant: TenantDatabase): Promise<boolean> {
  const client = await world.connect(tenant);
  await client.end();
  return true;
}

describe.each([
  ["a schema", tenantDatabase(21), tenantDatabase(22), tenantDatabase(23)],
  [
    "a database",
    tenantDatabase(31, "database"),
    tenantDatabase(32, "database"),
    tenantDatabase(33, "database"),
  ],
])("provisioning %s", (_, tenant, brokenOff, undone) => {
  it("makes it once, says the same to the same operation, and changes nothing when repeated", async () => {
    const first = await world.databases.provision(world.place, tenant, "op-1");
    expect(first).toMatchObject({
      schema: dataName(tenant.tenantId),
      created: true,
      credentialsWritten: true,
    });
    const before = { shape: await shape(tenant), secrets: held(tenant) };
    expect(await world.databases.provision(world.place, tenant, "op-1")).toEqual(first);
    const later = await world.databases.provision(world.place, tenant, "op-2");
    expect(later).toEqual({ ...first, created: false, credentialsWritten: false });
    expect({ shape: await shape(tenant), secrets: held(tenant) }).toEqual(before);
    expect(await works(tenant)).toBe(true);
  });

  it("gives all services the same credentials, of which nobody else has any part", async () => {
    const [first, second] = held(tenant);
    expect(first).toEqual(second);
    expect(Object.keys(first).sort()).toEqual([
      "database",
      "host",
      "issuedAt",
      "issuedFor",
      "password",
      "port",
      "schema",
      "tls",
      "username",
    ]);
    expect(first.password).toMatch(/^[\w-]{43}$/);
    const answers = JSON.stringify([
      await world.databases.provision(world.place, tenant, "op-1"),
      await world.databases.leftovers(world.place, tenant.tenantId),
    ]);
    expect(answers).not.toContain(first.password);
  });

  it("completes what was cut off before any secret, between two and after the last", async () => {
    for (const breakAt of [1, 2]) {
      let writes = 0;
      world.onPut = () => {
        writes += 1;
        if (writes === breakAt) throw Object.assign(new Error("killed"), { code: "cloud_unreachable" });
      };
      await expect(world.databases.provision(world.place, brokenOff, "op-1")).rejects.toThrow("killed");
    }
    world.onPut = undefined;
    const result = await world.databases.provision(world.place, brokenOff, "op-1");
    expect(result).toMatchObject({ created: true, credentialsWritten: true });
    const [first, second] = held(brokenOff);
    expect(first).toEqual(second);
    expect(await works(brokenOff)).toBe(true);
  });

  it("is undone by the operation that did it, and by no other", async () => {
    await world.databases.provision(world.place, undone, "op-1");
    expect(await world.databases.unprovision(world.place, undone, "op-2")).toEqual({ dropped: [] });
    expect(await works(undone)).toBe(true);
    const { dropped } = await world.databases.unprovision(world.place, undone, "op-1");
    expect(dropped.join()).toContain(dataName(undone.tenantId));
    expect(await world.databases.leftovers(world.place, undone.tenantId)).toEqual([]);
    expect(await world.databases.unprovision(world.place, undone, "op-1")).toEqual({ dropped: [] });
    await expect(works(undone)).rejects.toMatchObject({ code: "28P01" });
  });

  it("repairs a login whose password the database has lost", async () => {
    const [login = ""] = tenantNames(tenant.tenantId, 1).logins;
    await world.admin(`ALTER ROLE ${login} PASSWORD NULL`);
    await expect(works(tenant)).rejects.toMatchObject({ code: "28P01" });
    await world.databases.provision(world.place, tenant, "op-3");
    expect(await works(tenant)).toBe(true);
  });

  it("can be forbidden and allowed again, with open sessions cut off", async () => {
    const open = await world.connect(tenant);
    await world.databases.setLogin(world.place, tenant, false);
    await expect(open.query("SELECT 1")).rejects.toThrow();
    await expect(works(tenant)).rejects.toMatchObject({ code: "28000" });
    await world.databases.setLogin(world.place, tenant, false);
    await world.databases.setLogin(world.place, tenant, true);
    expect(await works(tenant)).toBe(true);
  });

  it("keeps the old login until the next rotation", async () => {
    const old = await world.connect(tenant);
    const before = held(tenant)[0];
    const { role } = await world.databases.rotatePassword(world.place, tenant, "rotation-1");
    const after = held(tenant);
    expect(after[0]).toEqual(after[1]);
    expect(after[0].username).toBe(role);
    expect(role).not.toBe(before.username);
    expect(after[0].password).not.toBe(before.password);
    expect(await works(tenant)).toBe(true);
    expect((await old.query("SELECT 1")).rowCount).toBe(1);
    await old.end();
    const again = await world.connect(tenant, { user: before.username, password: before.password });
    await again.end();
    expect(await world.databases.rotatePassword(world.place, tenant, "rotation-1")).toEqual({ role });
    expect(held(tenant)).toEqual(after);
    await world.databases.rotatePassword(world.place, tenant, "rotation-2");
    const oldest = world.connect(tenant, { user: before.username, password: before.password });
    await expect(oldest).rejects.toMatchObject({ code: "28P01" });
  });

  it.each([1, 2])(
    "never leaves a secret with a login that does not work (cut off at write %i)",
    async (breakAt) => {
      let writes = 0;
      world.onPut = () => {
        writes += 1;
        if (writes === breakAt) throw new Error("killed");
      };
      const cause = `cut-off-${breakAt}`;
      await expect(world.databases.rotatePassword(world.place, tenant, cause)).rejects.toThrow("killed");
      for (const { username: user, password } of held(tenant)) {
        const client = await world.connect(tenant, { user, password });
        await client.end();
      }
      world.onPut = undefined;
      const { role } = await world.databases.rotatePassword(world.place, tenant, cause);
      const [first, second] = held(tenant);
      expect(first).toEqual(second);
      expect(first.username).toBe(role);
      expect(await works(tenant)).toBe(true);
    },
  );
});

it("finishes a rotation that was given up, before it takes the login of before from anybody", async () => {
  const tenant = tenantDatabase(82);
  await world.databases.provision(world.place, tenant, "op");
  const [before] = held(tenant);
  let writes = 0;
  world.onPut = () => {
    writes += 1;
    if (writes === 2) throw new Error("refused");
  };
  const given = world.databases.rotatePassword(world.place, tenant, "given-up");
  await expect(given).rejects.toThrow("refused");
  world.onPut = undefined;
  const { role } = await world.databases.rotatePassword(world.place, tenant, "another");
  expect(held(tenant).map(({ username }: { username: string }) => username)).toEqual([role, role]);
  const { username: user, password } = before;
  const client = await world.connect(tenant, { user, password });
  await client.end();
});

it("takes a login whose connections are all in use for one that works", async () => {
  const tenant = tenantDatabase(81);
  await world.databases.provision(world.place, tenant, "op");
  const before = held(tenant);
  const [login = ""] = tenantNames(tenant.tenantId, 1).logins;
  const clients = [await world.connect(tenant), await world.connect(tenant)];
  await world.admin(`ALTER ROLE ${login} CONNECTION LIMIT 2`);
  await expect(world.connect(tenant)).rejects.toMatchObject({ code: "53300" });
  await world.databases.provision(world.place, tenant, "op");
  expect(held(tenant)).toEqual(before);
  await Promise.all(clients.map((client) => client.end()));
});

it("provisions many at once on one server", async () => {
  const tenants = [41, 42, 43, 44, 45, 46].map((number) => tenantDatabase(number));
  await Promise.all(tenants.map((tenant) => world.databases.provision(world.place, tenant, "op")));
  expect(await Promise.all(tenants.map(works))).toEqual(tenants.map(() => true));
});

it("never lets a password into a statement, which the server could log", async () => {
  const tenant = tenantDatabase(51);
  const query = vi.spyOn(pg.Client.prototype, "query");
  await world.databases.provision(world.place, tenant, "op");
  await world.databases.rotatePassword(world.place, tenant, "rotation");
  const statements = JSON.stringify(query.mock.calls);
  query.mockRestore();
  expect(statements).toContain("LOGIN PASSWORD 'SCRAM-SHA-256$4096:");
  expect(statements).not.toContain(held(tenant)[0].password);
});

it("refuses a schema and a database that are somebody else's", async () => {
  const [schema, database] = [tenantDatabase(61), tenantDatabase(62, "database")];
  await world.admin(`CREATE SCHEMA ${dataName(schema.tenantId)}`);
  await world.admin(`CREATE DATABASE ${dataName(database.tenantId)}`);
  for (const tenant of [schema, database]) {
    const asked = world.databases.provision(world.place, tenant, "op");
    await expect(asked).rejects.toMatchObject({ code: "database_occupied", retryable: false });
  }
});

it("says what is wrong with the administrator's secret, the address and the password", async () => {
  const tenant = tenantDatabase(71);
  const nowhere = { ...world.place, masterSecretArn: "missing" };
  await expect(world.databases.provision(nowhere, tenant, "op")).rejects.toMatchObject({
    code: "secret_missing",
  });
  const secret = world.secrets.get(world.place.masterSecretArn) ?? "";
  const { username, password } = JSON.parse(secret);
  world.secrets.set(world.place.masterSecretArn, JSON.stringify({ username, password: "wrong-one" }));
  const refused = await world.databases.provision(world.place, tenant, "op").catch((error) => error);
  world.secrets.set(world.place.masterSecretArn, secret);
  expect(refused).toMatchObject({ code: "database_refused" });
  expect(`${refused.message} ${refused.stack} ${JSON.stringify(refused)}`).not.toMatch(/wrong-one/);
  expect(password).not.toBe("");
});

it("has names that PostgreSQL takes whole and that no two tenants share", () => {
  const names = tenantNames(tenantDatabase(1).tenantId, 9_999);
  for (const name of [names.data, names.owner, ...names.logins]) expect(name.length).toBeLessThanOrEqual(63);
  expect(() => tenantNames("x'; DROP ROLE a; --", 1)).toThrow("lower-case UUID");
});
