/** A service that begins one run and waits for it: `node service.ts DATA_DIR RUN_ID PROGRAM`, the spec on stdin. */
import { text } from "node:stream/consumers";
import { createEngine } from "../../../service/engine/createEngine.ts";
import type { TenantSpec } from "../../../stacks/tenant/spec.ts";
import { environmentOf } from "../world.ts";

const [, , dataDir = "", runId = "", programModule = ""] = process.argv;
const engine = createEngine({
  dataDir,
  programModule,
  workers: 1,
  stop: { gracefulMs: 1_000, impatientMs: 1_000 },
  environment: () => environmentOf(dataDir),
});
const spec = JSON.parse(await text(process.stdin)) as TenantSpec;
await engine.up(spec, {
  runId,
  onEvent: (event) => {
    if (event.type === "resource" && event.status === "started")
      process.stdout.write(`${event.resourceType}\n`);
  },
});
