/**
 * script/bench engine [--tenants N] [--keep DIR]: what one tenant costs, the plain way and ours.
 *
 * Both drive the same TenantServiceSet on the same local cloud and state folder, in one run on this machine, one after the
 * other so that neither disturbs the other. Figures are wall-clock seconds per tenant at a given number of
 * tenants at once; both ways are warm (modules imported) before the clock starts, and the cloud answers at once: waiting
 * for ECS would add the same to both and hide what is compared. `floor` is the bare CLI on an empty
 * stack, started and with the key for its secrets: what no way of driving it can go below.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pulumiEnvironment } from "../launcher/environment.ts";
import { ensureLocalCloud, type LocalCloud, stopLocalCloud } from "../launcher/localCloud.ts";
import { createEngine } from "../service/engine/createEngine.ts";
import { parsePlaneOutputs } from "../stacks/plane/outputs.ts";
import { specDigest, type TenantSpec } from "../stacks/tenant/spec.ts";
import { tenantSpec } from "../stacks/testing/tenantSpec.ts";
import { type Figure, formatFigure, median, secondsPerItem } from "./figures.ts";
import { readCount, readFlags } from "./options.ts";
import { createPlainWay } from "./plainWay.ts";
import { createOurWay, type Way } from "./ways.ts";

const CONCURRENCIES = [1, 2] as const;
const FLOOR_RUNS = 5;

const values = readFlags({ tenants: { type: "string", default: "4" }, keep: { type: "string" } });
const tenants = readCount("tenants", values.tenants);

const dataDir = values.keep ?? (await mkdtemp(join(tmpdir(), "tenantry-bench-")));
try {
  await main();
} finally {
  await stopLocalCloud({ dataDir });
  if (values.keep === undefined) await rm(dataDir, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const cloud = await ensureLocalCloud({ dataDir });
  await withoutWaiting(cloud);
  const base = pulumiEnvironment({ dataDir, cloud: "local" });
  const makeSpec = await preparePlane(base, cloud);
  console.log("name                               plain_s ours_s ratio");
  for (const concurrency of CONCURRENCIES) {
    const plain = await measurePlain(base, makeSpec, concurrency);
    const ours = await measureOurs({ ...base, ...cloud.providerEnv }, makeSpec, concurrency);
    for (const figure of compare(plain, ours, concurrency)) console.log(formatFigure(figure));
  }
  console.log(formatFigure({ name: "floor: bare CLI, empty stack", ours: await floor(base) }));
}

async function withoutWaiting(cloud: LocalCloud): Promise<void> {
  const response = await fetch(new URL("/v1/profile", cloud.controlUrl), {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ecsSteadyMs: 0 }),
  });
  if (!response.ok)
    throw new Error(`Cannot set the cloud's profile: ${response.status} ${await response.text()}`);
}

type MakeSpec = (release: number) => TenantSpec;

/** Brings up the dev plane the way a user does, and makes specs upon it. */
async function preparePlane(base: Record<string, string>, cloud: LocalCloud): Promise<MakeSpec> {
  const script = fileURLToPath(new URL("../launcher/pulumi.ts", import.meta.url));
  await run(
    process.execPath,
    [script, "up", "--stack", "dev", "--yes", "--skip-preview", "--non-interactive"],
    {
      ...process.env,
      TENANTRY_DATA: dataDir,
    },
  );
  const environment = async () => ({ ...base, ...cloud.providerEnv });
  const engine = createEngine({ dataDir, workers: 1, environment });
  const plane = parsePlaneOutputs(await engine.planeOutputs({ stack: "dev" }));
  await engine.close();
  return (releaseNumber) => {
    const tenantId = randomUUID();
    return tenantSpec({ plane, releaseNumber, tenantId, slug: `t-${tenantId.slice(0, 8)}` });
  };
}

interface Measured {
  readonly create: number;
  readonly unchanged: number;
  readonly changed: number;
  readonly drift: number;
  readonly destroy: number;
}

async function measurePlain(
  base: Record<string, string>,
  makeSpec: MakeSpec,
  concurrency: number,
): Promise<Measured> {
  const scratchDir = await mkdtemp(join(tmpdir(), "tenantry-bench-plain-"));
  const way = createPlainWay({
    scratchDir,
    env: { ...base, TENANTRY_EMULATOR_DATA: join(dataDir, "cloud") },
  });
  try {
    return await measure(way, makeSpec, concurrency);
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

async function measureOurs(
  env: Record<string, string>,
  makeSpec: MakeSpec,
  concurrency: number,
): Promise<Measured> {
  const way = createOurWay({ dataDir, env, workers: concurrency });
  try {
    return await measure(way, makeSpec, concurrency);
  } finally {
    await way.close();
  }
}

async function measure(way: Way, makeSpec: MakeSpec, concurrency: number): Promise<Measured> {
  const warmUps = Array.from({ length: concurrency }, () => makeSpec(1));
  await secondsPerItem(warmUps, concurrency, (spec) => way.up(spec));
  const specs = Array.from({ length: Math.max(tenants, concurrency) }, () => makeSpec(1));
  const each = (work: (spec: TenantSpec) => Promise<unknown>) => secondsPerItem(specs, concurrency, work);
  const create = await each((spec) => way.up(spec));
  const unchanged = await each((spec) => way.up(spec));
  const changed = await each((spec) => way.up(nextRelease(spec)));
  const drift = await each((spec) => way.drift(spec));
  const destroy = await each((spec) => way.destroy(spec));
  await secondsPerItem(warmUps, concurrency, (spec) => way.destroy(spec));
  return { create, unchanged, changed, drift, destroy };
}

function nextRelease(spec: TenantSpec): TenantSpec {
  return { ...spec, release: tenantSpec({ releaseNumber: spec.release.number + 1 }).release };
}

function compare(plain: Measured, ours: Measured, concurrency: number): Figure[] {
  const figure = (name: string, key: keyof Measured): Figure => ({
    name: `${name} @${concurrency}`,
    plain: plain[key],
    ours: ours[key],
  });
  return [
    figure("create", "create"),
    { name: `unchanged update, by digest @${concurrency}`, plain: plain.unchanged, ours: digestSeconds() },
    figure("unchanged update, forced", "unchanged"),
    figure("changed update", "changed"),
    figure("drift scan", "drift"),
    figure("destroy", "destroy"),
  ];
}

/** What the service does instead of a run when nothing changed: compare the spec's digest with the last one. */
function digestSeconds(): number {
  const spec = tenantSpec();
  const startedAtMs = performance.now();
  if (specDigest(spec) !== specDigest(tenantSpec()))
    throw new Error("Cannot compare: equal specs must have equal digests");
  return (performance.now() - startedAtMs) / 1_000;
}

async function floor(env: Record<string, string>): Promise<number> {
  const cwd = await mkdtemp(join(tmpdir(), "tenantry-bench-floor-"));
  const all = { ...process.env, ...env, PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true" };
  await writeFile(join(cwd, "Pulumi.yaml"), "name: tenantry-floor\nruntime: nodejs\n");
  await run("pulumi", ["stack", "init", "empty", "--non-interactive"], all, cwd);
  const seconds: number[] = [];
  for (let i = 0; i < FLOOR_RUNS; i += 1) {
    const startedAtMs = performance.now();
    await run(
      "pulumi",
      ["stack", "export", "--show-secrets", "--stack", "empty", "--non-interactive"],
      all,
      cwd,
    );
    seconds.push((performance.now() - startedAtMs) / 1_000);
  }
  await rm(cwd, { recursive: true, force: true });
  return median(seconds);
}

function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd = process.cwd(),
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (output += String(chunk)));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(`Cannot run ${command} ${args.join(" ")}: it ended with exit code ${code}\n${output}`),
        );
    });
  });
}
