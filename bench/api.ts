/**
 * script/bench api [--tenants N,N] [--seconds N] [--connections N] [--databases NAME,NAME] [--keep DIR]: what a request costs.
 *
 * Registries of each size are filled, and the service is started on each as it is shipped: keys, policies, limits, audit trail,
 * log and metrics included. Load comes from this process over connections that stay open, as fast as answers come. On
 * SQLite the same requests go to a bare Express + better-sqlite3 program on the same file (bench/api/bare.ts), right after;
 * `share` is what the service does of the bare program's requests per second, `cpu_ms` what a request costs its process.
 *
 * Then filtered pages are asked for one at a time, of the smallest and the largest registry in turns; `ratio` is the larger's median
 * time by the smaller's. Past a ratio of two the exit code is 1.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLedger } from "../chaos/ledger.ts";
import { type OwnPostgres, startPostgres } from "../chaos/postgres.ts";
import { Replica } from "../chaos/replica.ts";
import { cleanEnvironment, freePort } from "../chaos/world.ts";
import { stopLocalCloud } from "../launcher/localCloud.ts";
import { fillRegistry } from "./api/fill.ts";
import { type Load, measureLoad } from "./api/load.ts";
import { MOST_PAGE_RATIO, measurePages, pagesPastBound } from "./api/pages.ts";
import { type Bare, type Served, startBare } from "./api/servers.ts";
import { readCount, readFlags, readSizes } from "./options.ts";

const DATABASES = ["sqlite", "postgres"] as const;
const MOST_TENANTS = 1_000_000;
/** What would count as load of its own: loops over the fleet, and limits that refuse what one client alone asks. */
const QUIET = [
  ...["--cloud", "local", "--log-level", "info", "--rate-limit", "0", "--rate-limit-address", "0"],
  ...["--health-poll-ms", "3600000", "--reconcile", "off"],
];

const values = readFlags({
  tenants: { type: "string", default: "1000,100000" },
  seconds: { type: "string", default: "10" },
  connections: { type: "string", default: "8" },
  databases: { type: "string", default: DATABASES.join(",") },
  keep: { type: "string" },
});
const sizes = readSizes("tenants", values.tenants, MOST_TENANTS);
const seconds = readCount("seconds", values.seconds);
const connections = readCount("connections", values.connections);
const ledger = createLedger();
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), "tenantry-bench-api-")));
const databaseDir = await mkdtemp(join(tmpdir(), "tenantry-bench-postgres-"));

try {
  for (const database of DATABASES) {
    if (values.databases.split(",").includes(database)) await measure(database);
  }
} finally {
  await rm(databaseDir, { recursive: true, force: true });
  if (values.keep === undefined) await rm(folder, { recursive: true, force: true });
}

async function measure(database: (typeof DATABASES)[number]): Promise<void> {
  const names = sizes.map((size) => `tenants_${size}`);
  const postgres =
    database === "postgres" ? await startPostgres(databaseDir, await freePort(), names) : undefined;
  const served: Served[] = [];
  try {
    for (const size of sizes) served.push(await serve(database, size, postgres));
    console.log("database  tenants  what     per_s  bare_per_s  share  p50_ms  p99_ms  cpu_ms  bare_cpu_ms");
    for (const one of served) await measureLoads(database, one);
    await comparePages(database, served);
  } finally {
    for (const { replica, dataDir } of served) {
      await replica.stop();
      await stopLocalCloud({ dataDir });
    }
    await postgres?.stop(false);
  }
}

async function serve(database: string, size: number, postgres: OwnPostgres | undefined): Promise<Served> {
  const name = `tenants_${size}`;
  const dataDir = join(folder, database, name);
  const url = postgres?.url(name);
  const replica = new Replica(
    {
      ...{ name, dataDir, port: await freePort(), env: cleanEnvironment({ TENANTRY_DATA: dataDir }) },
      flags: [...QUIET, ...(url === undefined ? [] : ["--database-url", url])],
    },
    ledger,
  );
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  ledger.say(`${database}: filling a registry with ${size} tenants`);
  const file = join(dataDir, "registry.sqlite");
  const tenantIds = await fillRegistry(url === undefined ? { file } : { url }, size);
  replica.start();
  await replica.untilReady();
  return {
    size,
    dataDir,
    file,
    tenantIds,
    replica,
    url: replica.url,
    key: replica.adminKey ?? "",
    pid: replica.pid ?? 0,
  };
}

async function measureLoads(database: string, served: Served): Promise<void> {
  const bare = database === "sqlite" ? await startBare(served) : undefined;
  try {
    for (const load of loadsOf(served)) await measureOne(database, served, load, bare);
  } finally {
    bare?.stop();
  }
}

async function measureOne(
  database: string,
  served: Served,
  load: Load,
  bare: Bare | undefined,
): Promise<void> {
  const pace = { seconds, connections };
  const ours = await measureLoad(served, load, pace);
  const plain = bare && (await measureLoad(bare, load, pace));
  const line = [
    ...[database.padEnd(9), String(served.size).padStart(7), "", load.name.padEnd(8)],
    ours.perSecond.toFixed(0).padStart(5),
    (plain?.perSecond.toFixed(0) ?? "-").padStart(11),
    (plain === undefined ? "-" : `${((ours.perSecond / plain.perSecond) * 100).toFixed(0)}%`).padStart(6),
    ...[ours.p50Ms, ours.p99Ms].map((ms) => ms.toFixed(0).padStart(7)),
    ours.cpuMs.toFixed(2).padStart(7),
    (plain?.cpuMs.toFixed(2) ?? "-").padStart(12),
  ];
  console.log(line.join(" "));
}

function loadsOf({ tenantIds }: Served): readonly Load[] {
  const base = "/v1/control-plane/tenants";
  // Far apart, so that not every request finds what the last one has read.
  const some = (turn: number) => tenantIds[(turn * 7_919) % tenantIds.length] ?? "";
  const words = ["bluebird", "corv", "granite", "desk"];
  return [
    { name: "read", status: 200, path: (turn) => `${base}/${some(turn)}` },
    { name: "list", status: 200, path: () => `${base}?limit=50` },
    { name: "search", status: 200, path: (turn) => `${base}?limit=50&search=${words[turn % words.length]}` },
    { name: "bundle", status: 200, path: (turn) => `${base}/${some(turn)}/entitlements/bundle` },
    {
      name: "create",
      method: "POST",
      status: 201,
      path: () => base,
      body: (turn) => ({ slug: `bench-${process.pid}-${turn}`, displayName: "Bench", plan: "starter" }),
    },
  ];
}

async function comparePages(database: string, served: readonly Served[]): Promise<void> {
  const [small, large] = [served[0], served.at(-1)];
  if (small === undefined || large === undefined || small === large) return;
  console.log(`\ndatabase  filtered page${" ".repeat(46)}ms_at_${small.size}  ms_at_${large.size}  ratio`);
  const times = await measurePages(small, large);
  for (const { query, smallMs, largeMs } of times) {
    const figures = [smallMs, largeMs].map((ms) => ms.toFixed(2).padStart(10));
    console.log(
      [database.padEnd(9), query.padEnd(58), ...figures, (largeMs / smallMs).toFixed(2).padStart(7)].join(
        " ",
      ),
    );
  }
  console.log("");
  const late = pagesPastBound(times);
  if (late.length === 0) return;
  process.exitCode = 1;
  console.error(
    `${database}: a page of ${large.size} tenants must take at most ${MOST_PAGE_RATIO} times its time at ${small.size}: ${late.join(", ")}`,
  );
}
