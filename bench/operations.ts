/**
 * script/bench operations [--tenants N] [--rounds N]: what an operation costs above the engine run it is made for.
 *
 * The same stacks are brought to a new release in turns: by `engine.up` called directly, and by `POST …/deploy` to a running
 * service, which queues, claims, journals, audits, runs the same engine, waits for steady services and publishes the
 * routing. Both are warm, both take the same number at once, the cloud answers at once. Figures are wall-clock
 * milliseconds per operation, from the first request to the last answer, the median of the rounds; `own` is what the journal says an
 * operation spent outside of its engine step; `MB` is what the busiest moment held in workers and CLIs, per operation in
 * flight, in a round of its own, as looking costs time too.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLedger } from "../chaos/ledger.ts";
import { startPostgres } from "../chaos/postgres.ts";
import { Replica } from "../chaos/replica.ts";
import { bringUpPlane, cleanEnvironment, createCloud, freePort } from "../chaos/world.ts";
import type { OperationAccepted, OperationDetail } from "../contract/operation.ts";
import type { Release } from "../contract/release.ts";
import type { Tenant } from "../contract/tenant.ts";
import { Api } from "../demo/api.ts";
import { releaseBody } from "../demo/fleet.ts";
import { pulumiEnvironment } from "../launcher/environment.ts";
import { ensureLocalCloud, stopLocalCloud } from "../launcher/localCloud.ts";
import { openRegistry } from "../registry/registry.ts";
import { targetAppliedSpec, targetsOfTenant } from "../registry/target.ts";
import { createEngine } from "../service/engine/createEngine.ts";
import { TenantSpec } from "../stacks/tenant/spec.ts";
import { median, secondsPerItem } from "./figures.ts";
import { sampleMemory } from "./memory.ts";
import { readCount, readFlags } from "./options.ts";

const PLANE = "dev-eu-west-1";
const IN_FLIGHT = [1, 2, 8] as const;
let versions = 0;

const values = readFlags({
  tenants: { type: "string", default: "8" },
  rounds: { type: "string", default: "4" },
});
const tenantCount = readCount("tenants", values.tenants);
const rounds = readCount("rounds", values.rounds);

const dataDir = await mkdtemp(join(tmpdir(), "tenantry-bench-"));
const databaseDir = await mkdtemp(join(tmpdir(), "tenantry-bench-postgres-"));
try {
  await main();
} finally {
  await stopLocalCloud({ dataDir });
  await rm(dataDir, { recursive: true, force: true });
}

/** One way to run the service: how many processes of it, on which registry. */
interface Setup {
  readonly name: string;
  readonly replicas: number;
  /** None: SQLite. */
  readonly databaseUrl?: string;
}

async function main(): Promise<void> {
  const env = cleanEnvironment({ TENANTRY_DATA: dataDir, TENANTRY_CLOUD: "local" });
  await bringUpPlane(dataDir, env, createCloud(dataDir), createLedger(), { latencyMs: 0, ecsSteadyMs: 0 });
  const postgres = await startPostgres(databaseDir, await freePort(), ["one", "two"]);
  try {
    console.log("registry    replicas in_flight  bare_ms  ours_ms overhead_ms overhead own_ms ops/min  MB");
    await measureSetup({ name: "sqlite", replicas: 1 }, env);
    await measureSetup({ name: "postgres", replicas: 1, databaseUrl: postgres.url("one") }, env);
    await measureSetup({ name: "postgres", replicas: 2, databaseUrl: postgres.url("two") }, env);
  } finally {
    await postgres.stop(false);
  }
}

async function measureSetup(setup: Setup, env: NodeJS.ProcessEnv): Promise<void> {
  let specs: readonly TenantSpec[] | undefined;
  let key: string | undefined;
  let tenants: readonly Tenant[] = [];
  for (const inFlight of IN_FLIGHT) {
    const replicas = await startReplicas(setup, env, inFlight);
    key ??= replicas[0]?.adminKey ?? "";
    const api = new Api(replicas[0]?.url ?? "", key);
    try {
      if (specs === undefined) {
        tenants = await createTenants(api, setup);
        specs = await appliedSpecs(setup, tenants);
      }
      console.log(await measure({ setup, inFlight, api, replicas, tenants, specs }));
    } finally {
      await Promise.all(replicas.map((replica) => replica.stop()));
    }
  }
}

/** The number in flight is shared out, one each at least: with two replicas there are never fewer than two. */
async function startReplicas(setup: Setup, env: NodeJS.ProcessEnv, inFlight: number): Promise<Replica[]> {
  const each = String(Math.ceil(inFlight / setup.replicas));
  const flags = ["--concurrency", each, "--engine-workers", each, "--tenant-concurrency", "64"];
  const quiet = ["--steady-poll-ms", "50", "--health-poll-ms", "3600000"];
  const database = setup.databaseUrl === undefined ? [] : ["--database-url", setup.databaseUrl];
  const replicas: Replica[] = [];
  for (let number = 1; number <= setup.replicas; number += 1) {
    const port = await freePort();
    const options = { name: `${number}`, dataDir, port, flags: [...flags, ...quiet, ...database], env };
    const replica = new Replica(options, createLedger());
    replica.start();
    await replica.untilReady();
    replicas.push(replica);
  }
  return replicas;
}

async function createTenants(api: Api, setup: Setup): Promise<Tenant[]> {
  await api.call<Release>("POST", "/releases", releaseBody("0.1.0"));
  const tenants: Tenant[] = [];
  for (let number = 1; number <= tenantCount; number += 1) {
    const slug = `${setup.name}-${setup.replicas}-${number}`;
    const body = { slug, displayName: slug, plan: "starter", planes: [PLANE] };
    tenants.push(await api.call<Tenant>("POST", "/tenants", body));
  }
  await runAll(api, tenants, "activate", {});
  return tenants;
}

async function runAll(
  api: Api,
  tenants: readonly Tenant[],
  action: string,
  body: object,
): Promise<OperationDetail[]> {
  const accepted = await Promise.all(
    tenants.map(({ tenantId }) =>
      api.call<OperationAccepted>("POST", `/tenants/${tenantId}/${action}`, body),
    ),
  );
  const operations = accepted.flatMap((answer) => answer.operations);
  await api.finish(operations);
  return Promise.all(
    operations.map(({ operationId }) => api.call<OperationDetail>("GET", `/operations/${operationId}`)),
  );
}

/** What the service itself deployed, so that both ways have the very same stacks to change. */
async function appliedSpecs(setup: Setup, tenants: readonly Tenant[]): Promise<TenantSpec[]> {
  const { databaseUrl: url } = setup;
  const registry = await openRegistry(
    url === undefined ? { file: join(dataDir, "registry.sqlite") } : { url },
  );
  try {
    const specs: TenantSpec[] = [];
    for (const { tenantId } of tenants) {
      const [target] = await registry.read((db) => targetsOfTenant(db, tenantId));
      if (target === undefined) throw new Error("Cannot compare: each tenant must have a target");
      specs.push(TenantSpec.parse(await registry.read((db) => targetAppliedSpec(db, target.targetId))));
    }
    return specs;
  } finally {
    await registry.close();
  }
}

interface Comparison {
  readonly setup: Setup;
  readonly inFlight: number;
  readonly api: Api;
  readonly replicas: readonly Replica[];
  readonly tenants: readonly Tenant[];
  readonly specs: readonly TenantSpec[];
}

async function measure({ setup, inFlight, api, replicas, tenants, specs }: Comparison): Promise<string> {
  const { providerEnv } = await ensureLocalCloud({ dataDir });
  const environment = async () => ({ ...pulumiEnvironment({ dataDir, cloud: "local" }), ...providerEnv });
  const engine = createEngine({ dataDir, workers: inFlight, environment });
  const bare: number[] = [];
  const ours: number[] = [];
  const own: number[] = [];
  const steps = new Map<string, number[]>();
  const bareRound = () => {
    const version = nextVersion();
    return secondsPerItem(specs, inFlight, (spec) => engine.up(withImages(spec, version)));
  };
  const ourRound = async () => {
    const release = await api.call<Release>("POST", "/releases", releaseBody(nextVersion()));
    const startedAtMs = performance.now();
    const operations = await runAll(api, tenants, "deploy", { releaseNumber: release.number });
    own.push(...operations.map(ownMs));
    for (const step of operations.flatMap((operation) => operation.steps))
      steps.set(step.name, [...(steps.get(step.name) ?? []), lengthMs(step)]);
    return (performance.now() - startedAtMs) / 1_000 / operations.length;
  };
  try {
    await bareRound();
    const stopSampling = sampleMemory(replicas.flatMap(({ pid }) => pid ?? []));
    await ourRound();
    const megabytes = stopSampling() / 1024 / 1024 / inFlight;
    own.length = 0;
    steps.clear();
    for (let round = 0; round < rounds; round += 1) {
      bare.push(await bareRound());
      ours.push(await ourRound());
    }
    const [plain, with_] = [median(bare) * 1_000, median(ours) * 1_000];
    const perStep = [...steps].map(([name, ms]) => `${name} ${median(ms)}`).join(", ");
    const line = [
      setup.name.padEnd(11),
      ...[setup.replicas, inFlight].map((n) => String(n).padStart(8)),
      ...[plain, with_, with_ - plain].map((ms) => ms.toFixed(0).padStart(9)),
      `${(((with_ - plain) / plain) * 100).toFixed(1)}%`.padStart(9),
      ...[median(own), 60_000 / with_, megabytes].map((n) => n.toFixed(0).padStart(6)),
    ].join(" ");
    return `${line}\n            ms by step: ${perStep}`;
  } finally {
    await engine.close();
  }
}

/** Of its time from start to end, what was not the engine's step. */
function ownMs(operation: OperationDetail): number {
  const engine = operation.steps.filter(({ name }) => name === "deploy");
  return lengthMs(operation) - engine.reduce((sum, step) => sum + lengthMs(step), 0);
}

function lengthMs({ startedAt, finishedAt }: Pick<OperationDetail, "startedAt" | "finishedAt">): number {
  return Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? "");
}

function nextVersion(): string {
  versions += 1;
  return `1.${versions}.0`;
}

function withImages(spec: TenantSpec, version: string): TenantSpec {
  const services = Object.entries(spec.release.services).map(([name, service]) => [
    name,
    { ...service, image: service.image.replace(/:[^:/@]*(?:@.*)?$/, `:${version}`) },
  ]);
  return { ...spec, release: { ...spec.release, services: Object.fromEntries(services) } };
}
