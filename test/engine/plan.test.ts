import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { maskSecrets } from "../../service/engine/deployment.ts";
import type { EngineEvent } from "../../service/engine/engine.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { groupOf } from "./group.ts";
import { type EngineWorld, openWorld, targetOf } from "./world.ts";

let world: EngineWorld;
const [tenantId, otherId] = [randomUUID(), randomUUID()];
beforeAll(async () => {
  const programModule = fileURLToPath(new URL("./programs/queues.ts", import.meta.url));
  world = await openWorld({ programModule, stop: { gracefulMs: 1_500, impatientMs: 1_500 } });
  await Promise.all([world.engine.up(spec(1)), world.engine.up(spec(1, otherId, "other"))]);
});
afterAll(() => world?.close());

function spec(releaseNumber: number, id = tenantId, slug = "planned"): TenantSpec {
  return tenantSpec({ tenantId: id, slug, releaseNumber });
}

it("groups tenants that change alike, from the same values to the same", async () => {
  const [mine, other, further] = await Promise.all([
    world.engine.preview(spec(2)),
    world.engine.preview(spec(2, otherId, "other")),
    world.engine.preview(spec(3)),
  ]);
  expect(mine.changes).toMatchObject([{ values: [{ path: "delaySeconds", old: 1, new: 2 }] }]);
  expect(mine.digest).not.toBe(other.digest);
  const group = groupOf(mine, spec(2));
  expect(group).toEqual(groupOf(other, spec(2, otherId, "other")));
  expect(groupOf(further, spec(3)).groupKey).not.toBe(group.groupKey);
  const created = await Promise.all(
    ["first", "second"].map(async (slug) => {
      const fresh = spec(1, randomUUID(), slug);
      return groupOf(await world.engine.preview(fresh), fresh);
    }),
  );
  expect(created[0]).toEqual(created[1]);
  expect(created[0]?.operations).toEqual({ create: created[0]?.changes.length });
  expect(JSON.stringify(created)).toContain('{"path":"name","old":null,"new":"{slug}-jobs"}');
});

it("applies the plan that was expected, and tells of what it does only", async () => {
  const { digest, changes } = await world.engine.preview(spec(2));
  expect(changes).toMatchObject([{ logicalName: "jobs", op: "update", properties: ["delaySeconds"] }]);
  const events: EngineEvent[] = [];
  const result = await world.engine.up(spec(2), {
    expectedPlan: { digest },
    onEvent: (event) => void events.push(event),
  });
  expect(result).toMatchObject({
    changed: true,
    resources: 2,
    summary: { update: 1 },
    outputs: { tenantId },
  });
  const told = events.flatMap((event) =>
    event.type === "resource" ? [`${event.status} ${event.logicalName}`] : [],
  );
  expect(told).toEqual(["started jobs", "done jobs"]);
});

it("refuses another plan before anything is changed, in the cloud or in the state", async () => {
  const { digest } = await world.engine.preview(spec(3));
  const renamed = spec(3, tenantId, "renamed");
  const before = await everything();
  await expect(world.engine.up(renamed, { expectedPlan: { digest } })).rejects.toMatchObject({
    code: "plan_changed",
    retryable: false,
    plan: {
      expectedDigest: digest,
      planned: { replaces: 2, changes: [{ op: "replace" }, { op: "replace" }] },
    },
  });
  await expect(world.engine.repair(renamed, { expectedPlan: { digest } })).rejects.toMatchObject({
    code: "plan_changed",
  });
  expect(await everything()).toEqual(before);
  expect(await world.engine.up(spec(3), { expectedPlan: { digest } })).toMatchObject({ changed: true });

  const plan = await world.engine.preview(renamed);
  const done = await world.engine.up(renamed, { expectedPlan: { digest: plan.digest } });
  // Of what is replaced the plan does not know the outputs yet.
  expect(done.outputs.jobsArn).toMatch(/:renamed-jobs$/);
});

it("stops planning when told to, and leaves nothing behind", async () => {
  const before = await everything();
  const pondering = spec(4, tenantId, "ponders");
  const abort = new AbortController();
  const runId = randomUUID();
  const run = world.engine.up(pondering, {
    runId,
    signal: abort.signal,
    expectedPlan: { digest: "0".repeat(64) },
  });
  const settled = run.catch((error: unknown) => error);
  await expect.poll(() => cliOutput(runId), { timeout: 20_000 }).toContain("Previewing update");
  abort.abort();
  expect(await settled).toMatchObject({ code: "cancelled" });
  expect(await everything()).toEqual(before);
});

async function cliOutput(runId: string): Promise<string> {
  return readFile(join(world.dataDir, "runs", runId, "up.out"), "utf8").catch(() => "");
}

async function everything(): Promise<unknown> {
  const { deployment } = (await world.engine.export(targetOf(spec(1)))) as {
    deployment: { resources: unknown };
  };
  const locks = await readdir(join(world.dataDir, "state", ".pulumi", "locks"), { recursive: true });
  return {
    // Written again, it has another time in it, and its secrets are encrypted anew.
    state: maskSecrets(deployment.resources),
    cloud: await world.cloudResources(tenantId),
    locks: locks.filter((name) => name.endsWith(".json")),
  };
}
