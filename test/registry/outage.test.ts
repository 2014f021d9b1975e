import { sql } from "kysely";
import { afterEach, expect, it } from "vitest";
import { auditVerify } from "../../registry/audit.ts";
import { openRegistry, type Registry, type RegistryTuning } from "../../registry/registry.ts";
import { tenantCreate, tenantFindBySlug } from "../../registry/tenant.ts";
import { tenantList } from "../../registry/tenantList.ts";
import { addTenant, context, tenantInput } from "./fixtures.ts";
import { type DatabaseProxy, startProxy } from "./proxy.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

const unavailable = { code: "not_ready", status: 503, retryable: true };

describeDialects(
  "a database that goes away",
  (create) => {
    const started: { registry: Registry; proxy: DatabaseProxy }[] = [];
    afterEach(async () => {
      for (const { registry, proxy } of started.splice(0)) {
        await registry.close();
        await proxy.cut();
      }
    });

    async function behindProxy(database: TestDatabase, tuning: RegistryTuning = {}) {
      const proxy = await startProxy(urlOf(database));
      const registry = await openRegistry({ url: proxy.url, poolSize: 3, ...tuning });
      started.push({ registry, proxy });
      return { proxy, registry };
    }

    it("is a clear problem that passes, and all works again when it is back", async () => {
      const { proxy, registry } = await behindProxy(await create());
      await Promise.all([addTenant(registry, "first"), registry.read((db) => tenantList(db, { limit: 1 }))]);
      await proxy.cut();
      await expect(addTenant(registry, "second")).rejects.toMatchObject({
        ...unavailable,
        options: {
          detail: expect.stringMatching(/database must be reachable.*Nothing was changed/),
          hint: expect.stringContaining("Idempotency-Key"),
        },
      });
      await expect(registry.record(async () => {})).rejects.toMatchObject(unavailable);
      await expect(registry.read((db) => tenantList(db, { limit: 1 }))).rejects.toMatchObject(unavailable);
      await proxy.restore();
      await addTenant(registry, "second");
      expect(await registry.read((db) => tenantFindBySlug(db, "second"))).toBeDefined();
      expect(await registry.read((db) => auditVerify(db))).toMatchObject({ verified: true, events: 2 });
    });

    it("in the middle of a change leaves nothing of it", async () => {
      const database = await create();
      const { proxy, registry } = await behindProxy(database);
      const cutOff = registry.change(context, async (change) => {
        await tenantCreate(change, tenantInput("acme"));
        await proxy.cut();
        await tenantCreate(change, tenantInput("bolt"));
      });
      await expect(cutOff).rejects.toMatchObject(unavailable);
      await proxy.restore();
      expect(await database.raw("select * from tenants")).toEqual([]);
      await addTenant(registry, "acme");
    });

    it("during a commit is told as such, as the change may have been made", async () => {
      const database = await create();
      const { proxy, registry } = await behindProxy(database);
      // The end of the text, as the session's settings speak of "read committed".
      proxy.cutAfter("commit\0");
      await expect(addTenant(registry, "acme")).rejects.toMatchObject({
        ...unavailable,
        options: { detail: expect.stringContaining("the change may have been made") },
      });
      expect(await database.raw("select slug from tenants")).toEqual([{ slug: "acme" }]);
    });

    it("without a word is noticed, and the connection given up", async () => {
      const { proxy, registry } = await behindProxy(await create(), { statementTimeoutMs: 200 });
      await registry.read((db) => tenantList(db, { limit: 1 }));
      proxy.mute();
      await expect(registry.read((db) => tenantList(db, { limit: 1 }))).rejects.toMatchObject(unavailable);
      await proxy.restore();
      expect(await registry.read((db) => tenantList(db, { limit: 1 }))).toMatchObject({ items: [] });
    });

    it("ends sessions, and idle ones are replaced without an error", async () => {
      const database = await create();
      const registry = await database.open();
      await addTenant(registry, "first");
      await database.raw(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      await addTenant(registry, "second");
    });

    it("cannot be opened then, and the same problem says so", async () => {
      const proxy = await startProxy(urlOf(await create()));
      await proxy.cut();
      await expect(openRegistry({ url: proxy.url })).rejects.toMatchObject(unavailable);
    });
  },
  "postgresql",
);

describeDialects(
  "a database that refuses",
  (create) => {
    it("a statement for taking too long is busy", async () => {
      const registry = await (await create()).open({ statementTimeoutMs: 100 });
      const slow = registry.read((db) => sql`select pg_sleep(5)`.execute(db));
      await expect(slow).rejects.toMatchObject({ code: "busy", retryable: true });
    });

    it("a NUL in a text makes the request invalid, and the registry's own texts hold none", async () => {
      const registry = await (await create()).open();
      const named = addTenant(registry, "acme", { displayName: "a\0b" });
      await expect(named).rejects.toMatchObject({ code: "invalid_request", status: 422 });
      const reason = "half \ud800 and \0 nothing";
      await registry.change(context, (change) =>
        change.audit({ action: "test.ran", target: { type: "test", id: "1" }, reason, details: { reason } }),
      );
      expect(await registry.read((db) => auditVerify(db))).toMatchObject({ verified: true, events: 1 });
    });

    it.each([
      [
        "a wrong password",
        (url: URL) => Object.assign(url, { password: "wr0ng" }),
        /password authentication failed/,
      ],
      [
        "an absent database",
        (url: URL) => Object.assign(url, { pathname: "/absent" }),
        /"absent" does not exist/,
      ],
    ])("%s is said without the password", async (_what, spoil, expected) => {
      const url = spoil(new URL(urlOf(await create())));
      const opened = openRegistry({ url: url.href });
      await expect(opened).rejects.toThrow(expected);
      await expect(opened).rejects.toThrow(/PostgreSQL at 127\.0\.0\.1:\d+\/\w+ must let it in/);
      await expect(opened).rejects.not.toThrow(url.password);
    });

    it.each(["registry.sqlite", "http://user:s3cret@host/db", "postgres//x", ""])(
      "a URL such as %j is no PostgreSQL's",
      async (url) => {
        await expect(openRegistry({ url })).rejects.toThrow(/must be postgres:\/\/user:password@host/);
        await expect(openRegistry({ url })).rejects.not.toThrow(/s3cret/);
      },
    );
  },
  "postgresql",
);

function urlOf({ location }: TestDatabase): string {
  return "url" in location ? location.url : "";
}
