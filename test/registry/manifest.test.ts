import { expect, it } from "vitest";
import { manifestSchema } from "../../contract/manifest.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import {
  manifestFind,
  manifestForget,
  manifestHold,
  manifestKeep,
  manifestsOf,
} from "../../registry/manifest.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantCreate, tenantGet } from "../../registry/tenant.ts";
import { addTenant, context, tenantInput } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const manifest = (slug: string, plan = "starter") =>
  manifestSchema.parse({
    ...{ apiVersion: "tenantry.dev/v1", kind: "Tenant", metadata: { slug } },
    spec: { displayName: slug, plan, state: "active" },
  });

const keep = (registry: Registry, tenant: Tenant, digest: string) =>
  registry.change(context, (change) =>
    manifestKeep(change, tenant, {
      manifest: manifest(tenant.slug),
      digest,
      file: "acme.yaml",
      reason: "launch",
    }),
  );

const managed = (registry: Registry, slug: string) =>
  registry.change(context, (change) => tenantCreate(change, tenantInput(slug), { managedBy: "manifest" }));

describeDialects("the manifest of a tenant", (create) => {
  it("is kept with who applied it, and each apply is audited with the digest before", async () => {
    const database = await create();
    const registry = await database.open();
    const tenant = await managed(registry, "acme");
    expect(tenant).toMatchObject({ managedBy: "manifest", recordVersion: 1 });
    await keep(registry, tenant, "d1");
    await keep(registry, tenant, "d2");
    const kept = await registry.read((db) => manifestFind(db, tenant.tenantId));
    expect(kept).toMatchObject({
      ...{ digest: "d2", file: "acme.yaml", appliedBy: "key-of-ada", heldReason: null },
      manifest: { metadata: { slug: "acme" }, spec: { state: "active" } },
    });
    const query = { tenantId: tenant.tenantId, action: "manifest.applied", limit: 10 } as const;
    const { items } = await registry.read((db) => auditEventList(db, query));
    expect(items.map(({ details, reason }) => [details.digest, details.previousDigest, reason])).toEqual([
      ["d2", "d1", "launch"],
      ["d1", null, "launch"],
    ]);
    await registry.close();
  });

  it("is held by a forced edit until the next apply, and forgotten when released", async () => {
    const database = await create();
    const registry = await database.open();
    const tenant = await managed(registry, "acme");
    const other = await addTenant(registry, "other");
    await keep(registry, tenant, "d1");
    const find = () => registry.read((db) => manifestFind(db, tenant.tenantId));
    await registry.change(context, (change) => manifestHold(change, tenant.tenantId, "suspend", "incident"));
    expect(await find()).toMatchObject({
      heldReason: "incident",
      heldBy: "key-of-ada",
      heldAt: expect.any(String),
    });
    await keep(registry, tenant, "d1");
    expect(await find()).toMatchObject({ heldReason: null, heldBy: null, heldAt: null });
    const all = await registry.read((db) => manifestsOf(db, [tenant.tenantId, other.tenantId]));
    expect([...all.keys()]).toEqual([tenant.tenantId]);
    const released = await registry.change(context, (change) => manifestForget(change, tenant, "moved"));
    expect(released).toMatchObject({ managedBy: "api", recordVersion: 2 });
    expect(await find()).toBeUndefined();
    expect(await registry.read((db) => tenantGet(db, tenant.tenantId))).toEqual(released);
    await registry.close();
  });
});
