import { openRegistry } from "../../registry/registry.ts";
import { addTenant } from "./support.ts";

/** Run as a process of its own by migrate.test.ts: opens the registry and writes one tenant. */
const [file = "", slug = ""] = process.argv.slice(2);
const registry = await openRegistry({ file });
await addTenant(registry, slug);
await registry.close();
