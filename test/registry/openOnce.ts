import { openRegistry, type RegistryLocation } from "../../registry/registry.ts";
import { addTenant } from "./fixtures.ts";

/** Run as a process of its own by migrate.test.ts: opens the registry and writes one tenant. */
const [location = "", slug = ""] = process.argv.slice(2);
const registry = await openRegistry(JSON.parse(location) as RegistryLocation);
await addTenant(registry, slug);
await registry.close();
