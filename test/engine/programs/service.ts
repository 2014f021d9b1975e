/**
 * A service that begins one run and waits for it: `node service.ts DATA_DIR RUN_ID PROGRAM [LEASE_MS]`, the spec on stdin. With
 * a lease it renews it all the time, as long as it runs.
 */
import { text } from "node:stream/consumers";
import { createEngine } from "../../../service/engine/createEngine.ts";
import { monotonicMs } from "../../../service/engine/monotonic.ts";
import type { TenantSpec } from "../../../stacks/tenant/spec.ts";
import { environmentOf } from "../world.ts";

const [, , dataDir = "", runId = "", programModule = "", leaseMs = ""] = process.argv;
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
  ...(leaseMs !== "" && { lease: { deadline: () => monotonicMs() + Number(leaseMs) } }),
  onEvent: (event) => {
    if (event.type === "resource" && event.status === "started")
      process.stdout.write(`${event.resourceType}\n`);
  },
});
