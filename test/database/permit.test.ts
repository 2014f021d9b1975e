import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DumpSource } from "../../service/database/tenantDatabases.ts";
import { endedPermit, type TestPermit, testPermit } from "../cloud/testPermit.ts";
import { type DatabaseWorld, memoryDump, openDatabaseWorld, tenantDatabase } from "./world.ts";

let world: DatabaseWorld;
const tenant = tenantDatabase(51);
const kept = memoryDump();
let ends: TestPermit;
const placed = () => ({ ...world.place, permit: ends.permit });

/** More than what the connection's buffers hold. */
const ROWS = 100_000;
const SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'tenantry'";
/** Less than a statement waits for a lock by itself. */
const GONE_LIMIT_MS = 10_000;

beforeAll(async () => {
  world = await openDatabaseWorld();
  await world.databases.provision(world.place, tenant, "operation");
  await query(`CREATE TABLE facts (id int, words text);
    INSERT INTO facts SELECT n, repeat('x', 200) FROM generate_series(1, ${ROWS}) AS n`);
  await world.databases.dump(world.place, tenant, kept);
});
afterAll(() => world?.close());
beforeEach(() => {
  ends = testPermit();
});

async function query(statement: string): Promise<void> {
  const client = await world.connect(tenant);
  await client.query(statement);
  await client.end();
}

/** None that works on tenants is left, whatever holds it up on the server. */
async function sessionsGone(): Promise<void> {
  const untilMs = Date.now() + GONE_LIMIT_MS;
  while ((await world.admin(SESSIONS)).length > 0) {
    if (Date.now() > untilMs) throw new Error("a session is still there");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The kept dump; in the middle of the table's rows `then` is called. */
function interrupted(then: () => Promise<void> | void): DumpSource {
  return {
    async read(name) {
      const body = await kept.read(name);
      if (!name.startsWith("tables/")) return body;
      return (async function* () {
        let pieces = 0;
        for await (const piece of body) {
          pieces += 1;
          if (pieces === 100) await then();
          yield piece;
        }
      })();
    },
  };
}

/** As a download that is cut off with the permit. */
const cutOff = () =>
  new Promise<void>((_, reject) => {
    ends.permit.signal.addEventListener("abort", () => reject(new Error("cut off")), { once: true });
    ends.end();
  });

describe("a dump", () => {
  it("whose permit ends in the middle of a table ends its session, and is not whole", async () => {
    const files: string[] = [];
    const dumping = world.databases.dump(placed(), tenant, {
      async write(name, body) {
        files.push(name);
        for await (const _ of body) ends.end();
        throw new Error("all rows came");
      },
    });
    await expect(dumping).rejects.toBe(endedPermit);
    await sessionsGone();
    expect(files).toEqual(["tables/00001.copy"]);
  });

  it("that nobody takes any more in the middle of a table ends its session, with that failure", async () => {
    const failure = Object.assign(new Error("the upload broke"), { code: "cloud_unreachable" });
    const dumping = world.databases.dump(world.place, tenant, {
      async write(_name, body) {
        for await (const _ of body) throw failure;
        throw new Error("no rows came");
      },
    });
    await expect(dumping).rejects.toBe(failure);
    await sessionsGone();
  });
});

describe("a restore", () => {
  const shortened = async () => {
    await query("DELETE FROM facts WHERE id > 7");
    return world.databases.contents(world.place, tenant);
  };

  it("whose permit ends while it waits for rows changes nothing, and is in nobody's way", async () => {
    const contents = await shortened();
    const restoring = world.databases.restore(placed(), tenant, interrupted(cutOff));
    await expect(restoring).rejects.toBe(endedPermit);
    await sessionsGone();
    expect(await world.databases.contents(world.place, tenant)).toEqual(contents);
    const again = await world.databases.restore(world.place, tenant, kept);
    expect(again.tables).toMatchObject([{ name: "facts", rows: ROWS }]);
  });

  it("commits nothing when its permit has ended and no signal says so", async () => {
    const contents = await shortened();
    const source = interrupted(() => ends.endSilently());
    await expect(world.databases.restore(placed(), tenant, source)).rejects.toBe(endedPermit);
    expect(await world.databases.contents(world.place, tenant)).toEqual(contents);
    await sessionsGone();
  });

  it("whose session breaks before the first row has come fails, and can be done again", async () => {
    const contents = await shortened();
    const source: DumpSource = {
      async read(name) {
        if (name.startsWith("tables/")) {
          await world.admin(SESSIONS.replace("pid", "pg_terminate_backend(pid)"));
          await sessionsGone();
        }
        return kept.read(name);
      },
    };
    await expect(world.databases.restore(placed(), tenant, source)).rejects.toMatchObject({
      retryable: true,
    });
    expect(await world.databases.contents(world.place, tenant)).toEqual(contents);
  });

  it("ends its session in the middle of a statement that the server has not finished", async () => {
    const writer = await world.connect(tenant);
    await writer.query("BEGIN; LOCK TABLE facts");
    const restoring = world.databases.restore(placed(), tenant, kept).catch((thrown: unknown) => thrown);
    const waiting = "SELECT 1 FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE NOT granted";
    while ((await world.admin(`${waiting} AND relname = 'facts'`)).length === 0) await Promise.resolve();
    ends.end();
    expect(await restoring).toBe(endedPermit);
    await sessionsGone();
    await writer.end();
  });
});

it("begins nothing once the permit has ended", async () => {
  const other = tenantDatabase(52);
  ends.endSilently();
  const { databases } = world;
  await expect(databases.provision(placed(), other, "operation")).rejects.toBe(endedPermit);
  await expect(databases.drop(placed(), tenant)).rejects.toBe(endedPermit);
  await expect(databases.setLogin(placed(), tenant, false)).rejects.toBe(endedPermit);
  await expect(databases.rotatePassword(placed(), tenant, "operation")).rejects.toBe(endedPermit);
  expect(await databases.leftovers(world.place, other.tenantId)).toEqual([]);
  await query("SELECT 1");
});
