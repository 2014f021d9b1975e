/**
 * script/bench fleet [--tenants 10,100,1000] [--sample N] [--seed N] [--keep DIR]: what a tenant costs when the whole fleet is changed, looked
 * at, or asked for a change that there is not.
 *
 * For each size a fleet of its own: one tenant of each plan made by the service, the others copies of them (fleet/copies.ts), which must
 * show no drift and no change before anything is measured. Then the real service, over HTTP: a drift scan, a rollout of a
 * release that is new (previewed, then started by its digest), the same rollout again. Then, with the service stopped, the same
 * work on a random sample of the same stacks: by `pulumi up` in a shell loop with `xargs -P` (which previews first, as is its
 * default), by a loop on the plain Automation API, and by the engine alone. All take as many at once as there are cores.
 *
 * Figures are seconds per tenant: wall clock, and CPU of all processes that the way starts, the local cloud left out. On a
 * machine that does other things too, CPU is what can be compared. One line of JSON at the end has everything.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createLedger } from "../chaos/ledger.ts";
import { Replica } from "../chaos/replica.ts";
import { bringUpPlane, cleanEnvironment, createCloud, freePort } from "../chaos/world.ts";
import type { Page } from "../contract/common.ts";
import type { Tenant } from "../contract/tenant.ts";
import { Api } from "../demo/api.ts";
import { pulumiEnvironment } from "../launcher/environment.ts";
import { ensureLocalCloud, stopLocalCloud } from "../launcher/localCloud.ts";
import { openRegistry } from "../registry/registry.ts";
import { targetAppliedSpec, targetsOfTenant } from "../registry/target.ts";
import { createEngine } from "../service/engine/createEngine.ts";
import type { Engine } from "../service/engine/engine.ts";
import { TenantSpec } from "../stacks/tenant/spec.ts";
import { copyTenants } from "./fleet/copies.ts";
import { bareEngine, plainLoop, shellLoop } from "./fleet/loops.ts";
import { type FleetFigures, formatFigures, formatGrowth } from "./fleet/report.ts";
import { sampleOf } from "./fleet/sample.ts";
import { makeOriginals, makeRelease, rollOut, scanDrift } from "./fleet/service.ts";
import { readCount, readFlags, readSizes } from "./options.ts";

const PREVIEWED_COPIES = 3;

const values = readFlags({
  tenants: { type: "string", default: "10,100,1000" },
  sample: { type: "string", default: "6" },
  seed: { type: "string", default: "1" },
  keep: { type: "string" },
});
const sizes = readSizes("tenants", values.tenants);
const sampleSize = readCount("sample", values.sample);
const seed = readCount("seed", values.seed);
const atOnce = availableParallelism();

const all: FleetFigures[] = [];
for (const size of sizes) {
  const figures = await measureFleet(size);
  all.push(figures);
  console.log(formatFigures(figures));
}
console.log(formatGrowth(all));
console.log(JSON.stringify({ bench: "fleet", cores: atOnce, seed, load: loadavg(), fleets: all }));

async function measureFleet(tenants: number): Promise<FleetFigures> {
  const dataDir = values.keep ?? (await mkdtemp(join(tmpdir(), "tenantry-bench-fleet-")));
  try {
    progress(`${tenants} tenants: making them`);
    const { specs, adminKey } = await makeFleet(dataDir, tenants);
    progress("previewing copies");
    await refuseBadCopies(dataDir, specs);
    const service = await measureService(dataDir, adminKey, tenants);
    const sample = sampleOf(specs, Math.min(sampleSize, tenants), seed);
    const loops = await measureLoops(dataDir, sample);
    return { tenants, sample: sample.length, cores: atOnce, load: loadavg()[0] ?? 0, ...service, ...loops };
  } finally {
    await stopLocalCloud({ dataDir });
    if (values.keep === undefined) await rm(dataDir, { recursive: true, force: true });
  }
}

async function makeFleet(
  dataDir: string,
  tenants: number,
): Promise<{ specs: readonly TenantSpec[]; adminKey: string }> {
  const env = cleanEnvironment({ TENANTRY_DATA: dataDir, TENANTRY_CLOUD: "local" });
  await bringUpPlane(dataDir, env, createCloud(dataDir), createLedger(), { latencyMs: 0, ecsSteadyMs: 0 });
  const service = await startService(dataDir);
  const adminKey = service.adminKey ?? "";
  const originals = await makeOriginals(new Api(service.url, adminKey)).finally(() => service.stop());
  await stopLocalCloud({ dataDir });
  const specs = await copyTenants(dataDir, originals, Math.max(0, tenants - originals.length));
  return { specs, adminKey };
}

async function startService(dataDir: string): Promise<Replica> {
  const count = String(atOnce);
  const flags = [
    ...["--concurrency", count, "--engine-workers", count, "--scan-concurrency", count],
    ...["--plane-concurrency", count, "--tenant-concurrency", count, "--operation-memory-mb", "0"],
    // Nothing but what is measured: no looks at health, no repairs of its own.
    ...[
      "--steady-poll-ms",
      "50",
      "--health-poll-ms",
      "3600000",
      "--reconcile",
      "off",
      "--drift-policy",
      "dev=report",
    ],
  ];
  const env = cleanEnvironment({ TENANTRY_DATA: dataDir, TENANTRY_CLOUD: "local" });
  await ensureLocalCloud({ dataDir });
  const replica = new Replica({ name: "bench", dataDir, port: await freePort(), flags, env }, createLedger());
  replica.start();
  await replica.untilReady();
  return replica;
}

/** A copy is good when the engine finds nothing to do about it. */
async function refuseBadCopies(dataDir: string, specs: readonly TenantSpec[]): Promise<void> {
  await withEngine(dataDir, async (engine) => {
    for (const spec of specs.slice(-PREVIEWED_COPIES)) {
      const { changes } = await engine.preview(spec);
      if (changes.length > 0)
        throw new Error(`Cannot go on: a copy must have nothing to change, got ${JSON.stringify(changes)}`);
    }
  });
}

async function withEngine<T>(dataDir: string, work: (engine: Engine) => Promise<T>): Promise<T> {
  const { providerEnv } = await ensureLocalCloud({ dataDir });
  const environment = async () => ({ ...pulumiEnvironment({ dataDir, cloud: "local" }), ...providerEnv });
  const engine = createEngine({ dataDir, workers: atOnce, environment });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

async function measureService(
  dataDir: string,
  adminKey: string,
  targets: number,
): Promise<Pick<FleetFigures, "service">> {
  const service = await startService(dataDir);
  const api = new Api(service.url, adminKey);
  const pid = service.pid ?? 0;
  try {
    await warmUp(api);
    progress("service: drift scan");
    const drift = await scanDrift(api, pid, targets);
    const { number: releaseNumber } = await makeRelease(api, "2.0.0");
    progress("service: changed rollout");
    const changed = await rollOut(api, pid, { releaseNumber, targets, atOnce, outcome: "succeeded" });
    progress("service: unchanged rollout");
    const unchanged = await rollOut(api, pid, { releaseNumber, targets, atOnce, outcome: "unchanged" });
    return { service: { drift, changed, unchanged } };
  } finally {
    await service.stop();
  }
}

/** On standard error: a large fleet takes an hour. */
function progress(what: string): void {
  console.error(`${new Date().toISOString()} ${what}`);
}

/** Where the rollout has left them. */
async function appliedSpecs(dataDir: string, specs: readonly TenantSpec[]): Promise<readonly TenantSpec[]> {
  const registry = await openRegistry({ file: join(dataDir, "registry.sqlite") });
  try {
    return await registry.read(async (db) => {
      const targets = await Promise.all(specs.map(({ tenant }) => targetsOfTenant(db, tenant.tenantId)));
      const applied = targets.flat().map(({ targetId }) => targetAppliedSpec(db, targetId));
      return (await Promise.all(applied)).map((spec) => TenantSpec.parse(spec));
    });
  } finally {
    await registry.close();
  }
}

/** Until each engine worker has run once: the loops have loaded what they need as well. */
async function warmUp(api: Api): Promise<void> {
  const { items } = await api.call<Page<Tenant>>("GET", `/tenants?limit=${atOnce}`);
  await scanDrift(api, process.pid, items.length, { tenantIds: items.map(({ tenantId }) => tenantId) });
}

async function measureLoops(
  dataDir: string,
  sample: readonly TenantSpec[],
): Promise<Pick<FleetFigures, "shell" | "plain" | "bare">> {
  await ensureLocalCloud({ dataDir });
  const env = pulumiEnvironment({ dataDir, cloud: "local" });
  const current = await appliedSpecs(dataDir, sample);
  progress(`loops on ${sample.length} tenants: Automation API`);
  const plain = await plainLoop(dataDir, env, current, 3, atOnce);
  progress("shell");
  const shell = await shellLoop(dataDir, env, current, 4, atOnce);
  progress("bare engine");
  const bare = await withEngine(dataDir, async (engine) => {
    await Promise.all(
      Array.from({ length: atOnce }, (_, index) => current[index] && engine.preview(current[index])),
    );
    return bareEngine(engine, current, 5, atOnce);
  });
  return { plain, shell, bare };
}
