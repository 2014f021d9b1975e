import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "../demo/processes.ts";
import { ensureLocalCloud, findLocalCloud, type LocalCloud, stopLocalCloud } from "../launcher/localCloud.ts";
import type { Ledger } from "./ledger.ts";
import { type Observer, observeSqlite } from "./observer.ts";
import { kill, look } from "./processes.ts";
import { Replica } from "./replica.ts";
import { readStateFolder, type StateReader } from "./stacks.ts";

/** The installation under test: its folder, its cloud, its services, its registry. */
export interface World {
  readonly dataDir: string;
  readonly replicas: readonly Replica[];
  readonly observer: Observer;
  /** Of the plane all tenants are put on. */
  readonly cloud: CloudProcess;
  /** Of every folder that may hold something of the installation. */
  readonly folders: readonly string[];
  /** What `script/audit verify` is given. */
  readonly registry: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly state: StateReader;
  /** The database of the registry, when it is a process of its own. */
  readonly database?: { kill(): Promise<void>; start(): Promise<void> };
  /** Must not be found anywhere but where they are kept. */
  secrets(): Promise<ReadonlyMap<string, string>>;
  /** Bounds that hold over all services together. */
  readonly bounds: Bounds;
  /** With `keep` nothing is deleted; a folder outside `dataDir` that stays is told. */
  stop(keep: boolean): Promise<void>;
}

export interface Bounds {
  readonly perService: number;
  readonly perPlane: number;
  readonly perTenant: number;
}

export interface CloudProcess {
  pid(): Promise<number | undefined>;
  ensure(): Promise<void>;
  kill(): Promise<void>;
  controlUrl(): Promise<string>;
}

export interface WorldOptions {
  readonly dataDir: string;
  readonly ledger: Ledger;
}

/** A cloud that takes its time, as clouds do: then what is brief here is not over at once, and several steps run side by side. */
const PROFILE = { latencyMs: 80, jitterMs: 80, dataLatencyMs: 300, ecsSteadyMs: 2_500 };
const BOUNDS: Bounds = { perService: 8, perPlane: 8, perTenant: 1 };
export const LOCAL_FLAGS = [
  ...["--steady-poll-ms", "150"],
  ...["--steady-timeout-ms", "60000", "--health-poll-ms", "60000", "--drain-ms", "5000"],
  // The lives repair what drifts themselves, and every operation must be one that they asked for.
  ...["--drift-policy", "dev=report"],
];

/** More operations at once than engine runs: so short steps of some meet the long ones of others. */
export function boundFlags({ perService, perPlane, perTenant }: Bounds, engineWorkers: number): string[] {
  return [
    ...["--concurrency", String(perService), "--plane-concurrency", String(perPlane)],
    ...["--tenant-concurrency", String(perTenant), "--engine-workers", String(engineWorkers)],
  ];
}

export async function openSqliteWorld({ dataDir, ledger }: WorldOptions): Promise<World> {
  const environment = cleanEnvironment({ TENANTRY_DATA: dataDir, TENANTRY_CLOUD: "local" });
  const cloud = createCloud(dataDir);
  await bringUpPlane(dataDir, environment, cloud, ledger);
  const flags = [...LOCAL_FLAGS, ...boundFlags(BOUNDS, 2)];
  const options = { name: "one", dataDir, port: await freePort(), flags, env: environment };
  const replica = new Replica(options, ledger);
  replica.start();
  await replica.untilReady();
  const registry = join(dataDir, "registry.sqlite");
  const observer = observeSqlite(registry);
  return {
    ...{ dataDir, cloud, observer, registry, environment, replicas: [replica], folders: [dataDir] },
    bounds: BOUNDS,
    state: readStateFolder(join(dataDir, "state")),
    async secrets() {
      const passphrase = await readFile(join(dataDir, "passphrase"), "utf8");
      return new Map([
        ["the passphrase of the state", passphrase.trim()],
        ["the admin key", replica.adminKey ?? ""],
      ]);
    },
    async stop() {
      await replica.stop();
      await observer.close();
      await stopLocalCloud({ dataDir });
    },
  };
}

export async function bringUpPlane(
  dataDir: string,
  env: NodeJS.ProcessEnv,
  cloud: CloudProcess,
  ledger: Ledger,
  profile: Readonly<Record<string, number>> = PROFILE,
): Promise<void> {
  ledger.say("bringing up the plane");
  compile(env);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await cloud.ensure();
  const command = [join(root, "script/pulumi"), "up", "--stack", "dev", "--yes", "--skip-preview"] as const;
  await run([...command, "--non-interactive"], { env, logFile: join(dataDir, "plane.log") });
  const response = await fetch(new URL("/v1/profile", await cloud.controlUrl()), {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(profile),
  });
  if (!response.ok)
    throw new Error(`Cannot slow the cloud down: ${response.status} ${await response.text()}`);
}

/** Fills the cache that `cleanEnvironment` names: what is killed cannot, as it is written at a process's end. */
function compile(env: NodeJS.ProcessEnv): void {
  const modules = [
    "service/service.ts",
    "service/engine/run.ts",
    "stacks/tenant/program.ts",
    "emulator/localCloud.ts",
  ];
  const paths = JSON.stringify(modules.map((name) => join(root, name)));
  const script = `await Promise.all(${paths}.map((path) => import(path))); process.exit()`;
  const flags = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script];
  spawnSync(process.execPath, flags, { env, stdio: "ignore" });
}

const CLOUD_STARTS = 5;

export function createCloud(dataDir: string): CloudProcess {
  const announced = async () => {
    const text = await readFile(join(dataDir, "cloud", "emulator.json"), "utf8").catch(() => "{}");
    const { pid } = JSON.parse(text) as { pid?: number };
    // The number may be another process's by now. Hosts reach the folder by links of their own.
    const folder = realpathSync(join(dataDir, "cloud"));
    const ours = look(pid ?? -1)?.command.some((word) => isFolder(word, folder)) === true;
    return ours ? pid : undefined;
  };
  return {
    pid: announced,
    ensure: async () => void (await startCloud(dataDir)),
    async kill() {
      const pid = await announced();
      if (pid !== undefined) await kill(pid);
    },
    controlUrl: async () =>
      (await findLocalCloud(dataDir))?.controlUrl ?? (await startCloud(dataDir)).controlUrl,
  };
}

/** The next kill may meet it while it starts. */
async function startCloud(dataDir: string): Promise<LocalCloud> {
  for (let left = CLOUD_STARTS; ; left -= 1) {
    try {
      return await ensureLocalCloud({ dataDir });
    } catch (thrown) {
      if (left <= 1 || !String(thrown).includes("ended by SIGKILL")) throw thrown;
    }
  }
}

function isFolder(word: string, folder: string): boolean {
  return word.startsWith("/") && existsSync(word) && realpathSync(word) === folder;
}

/** The caller's own settings must not reach the services: a shell may point at real state. */
export function cleanEnvironment(added: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(TENANTRY|PULUMI|AWS)_/.test(name));
  // Everything starts again and again, and half of a start is compiling.
  const cache = { NODE_COMPILE_CACHE: join(tmpdir(), "tenantry-compile-cache") };
  return { ...cache, ...Object.fromEntries(kept), ...added };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
