import { openRegistry, type RegistryLocation } from "../../registry/registry.ts";
import { tenantUpdate } from "../../registry/tenant.ts";
import { addTenant, context } from "./fixtures.ts";

/** Run as a process of its own by concurrency.test.ts: changes one tenant that others change too, and one of its own. */
const [location = "", sharedTenantId = "", slug = "", count = "0"] = process.argv.slice(2);
const registry = await openRegistry(JSON.parse(location) as RegistryLocation);
const own = await addTenant(registry, slug);

function rename(tenantId: string, displayName: string) {
  return registry.change(context, (change) => tenantUpdate(change, tenantId, { displayName }), { tenantId });
}

for (let turn = 0; turn < Number(count); turn += 1) {
  const displayName = `${slug} ${turn}`;
  await Promise.all([rename(sharedTenantId, displayName), rename(own.tenantId, displayName)]);
}
await registry.close();
