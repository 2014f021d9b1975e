import { expect, it } from "vitest";
import { RegistryProblem } from "../../registry/registryProblem.ts";
import { addTenant } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects(
  "a server whose disk is full",
  (create) => {
    it("is told apart from a fault, leaves nothing half done, and is used again when there is room", async () => {
      const database = await create();
      const registry = await database.open();
      await database.raw(
        `create function full_disk() returns trigger language plpgsql as $$ begin
           raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`,
        "create trigger full_disk before insert on audit_events for each row execute function full_disk()",
      );
      const refused = await addTenant(registry, "acme").catch((thrown: unknown) => thrown);
      expect(refused).toBeInstanceOf(RegistryProblem);
      expect(refused).toMatchObject({ code: "storage_full", status: 507, retryable: true, mayBeDone: false });
      expect(await database.raw("select 1 from tenants")).toEqual([]);
      await database.raw("drop trigger full_disk on audit_events");
      expect((await addTenant(registry, "acme")).slug).toBe("acme");
    });
  },
  "postgresql",
);
