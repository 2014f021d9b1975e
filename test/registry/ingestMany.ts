import { USAGE_LIMITS, type UsageEvent } from "../../contract/usage.ts";
import { openRegistry, type RegistryLocation } from "../../registry/registry.ts";
import { USAGE_SCOPE, usageIngest } from "../../registry/usageIngest.ts";
import { context } from "./fixtures.ts";

/** Run as a process of its own by usageKilled.test.ts, which kills it: counts batches and says of each when it is committed. */
const [location = "", tenantId = "", occurredAt = ""] = process.argv.slice(2);
const registry = await openRegistry(JSON.parse(location) as RegistryLocation);
const options = {
  ...{ latenessMs: 3_600_000, retentionMs: 86_400_000, clockSkewMs: USAGE_LIMITS.clockSkewMs },
  overQuota: "count",
} as const;

for (let batch = 0; ; batch += 1) {
  const events: UsageEvent[] = Array.from({ length: 50 }, (_, place) => ({
    ...{ eventId: `b${batch}-${place}`, tenantId, meter: "events", quantity: 1, occurredAt },
  }));
  await registry.change(context, (change) => usageIngest(change, events, options), USAGE_SCOPE);
  process.stdout.write(`${batch}\n`);
}
