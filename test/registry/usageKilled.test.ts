import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { USAGE_LIMITS } from "../../contract/usage.ts";
import type { RegistryLocation } from "../../registry/registry.ts";
import { USAGE_SCOPE, usageIngest } from "../../registry/usageIngest.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const OPTIONS = {
  ...{ latenessMs: 3_600_000, retentionMs: 86_400_000, clockSkewMs: USAGE_LIMITS.clockSkewMs },
  overQuota: "count",
} as const;
const BATCH = 50;

/** Lets a process count until so many batches are committed, kills it, and answers the last that it told. */
async function countUntilKilled(
  location: RegistryLocation,
  tenantId: string,
  at: string,
  batches: number,
): Promise<number> {
  const script = path.join(import.meta.dirname, "ingestMany.ts");
  const args = ["--disable-warning=ExperimentalWarning", script, JSON.stringify(location), tenantId, at];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  let last = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (last + 1 >= batches) child.kill("SIGKILL");
  }
  await ended;
  return last;
}

describeDialects("usage that was counted", (create) => {
  it("is there after the service was killed, and sent again it counts once", async () => {
    const database = await create();
    const registry = await database.open();
    const { tenantId } = await addTenant(registry, "acme");
    const at = new Date().toISOString();
    await registry.close();
    const last = await countUntilKilled(database.location, tenantId, at, 3);
    expect(last).toBeGreaterThanOrEqual(2);
    const again = await database.open();
    const kept = async () =>
      again.read((db) =>
        db.selectFrom("usageEvents").select("eventId").where("tenantId", "=", tenantId).execute(),
      );
    const before = (await kept()).length;
    // What was told is there; one more batch may be, that nobody heard of, and it is there whole.
    expect(before).toBeGreaterThanOrEqual((last + 1) * BATCH);
    expect(before % BATCH).toBe(0);
    const batches = before / BATCH + 1;
    for (let batch = 0; batch < batches; batch += 1) {
      const events = Array.from({ length: BATCH }, (_, place) => ({
        ...{ eventId: `b${batch}-${place}`, tenantId, meter: "events", quantity: 1, occurredAt: at },
      }));
      await again.change(context, (change) => usageIngest(change, events, OPTIONS), USAGE_SCOPE);
    }
    const totals = await again.read((db) =>
      db.selectFrom("usageTotals").select("quantity").where("windowKind", "=", "month").execute(),
    );
    expect(totals).toEqual([{ quantity: batches * BATCH }]);
  }, 30_000);
});
