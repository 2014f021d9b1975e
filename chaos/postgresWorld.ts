import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { stopLocalCloud } from "../launcher/localCloud.ts";
import { startLink } from "./link.ts";
import { observePostgres } from "./observePostgres.ts";
import { type OwnPostgres, startPostgres } from "./postgres.ts";
import { Replica } from "./replica.ts";
import { readStateDatabase } from "./stacks.ts";
import {
  type Bounds,
  boundFlags,
  bringUpPlane,
  cleanEnvironment,
  createCloud,
  freePort,
  LOCAL_FLAGS,
  type World,
  type WorldOptions,
} from "./world.ts";

/** Short, so that a host that stays away longer than both does not hold up the run. */
export const LEASE_MS = 6_000;
export const KILL_TIME_MS = 3_000;
const LEASE_FLAGS = ["--lease-ms", String(LEASE_MS), "--kill-time-ms", String(KILL_TIME_MS)];

/** Fewer on the plane than the services would take by themselves: so the bound is tried across them. */
const BOUNDS: Bounds = { perService: 5, perPlane: 7, perTenant: 1 };

/**
 * Several services, each on a host of its own: own host name and name space for it, own host id, own data folder. They share
 * a PostgreSQL with the registry and one with Pulumi's state, and the local cloud. Each reaches the registry through a link of its own
 * that can be cut.
 */
export async function openPostgresWorld(
  options: WorldOptions & { readonly replicas: number },
): Promise<World> {
  const { dataDir, ledger } = options;
  requireHosts();
  const databaseDir = await mkdtemp(join(tmpdir(), "tenantry-chaos-postgres-"));
  const postgres = await startPostgres(databaseDir, await freePort(), ["registry", "state"]);
  const stateUrl = `${postgres.url("state")}?sslmode=disable`;
  const shared = { TENANTRY_CLOUD: "local", TENANTRY_STATE_URL: stateUrl };
  const environment = cleanEnvironment({ ...shared, TENANTRY_DATA: dataDir });
  const cloud = createCloud(dataDir);
  await bringUpPlane(dataDir, environment, cloud, ledger);
  const replicas: Replica[] = [];
  for (let number = 1; number <= options.replicas; number += 1) {
    const hostName = `${hostname()}-${number}`;
    const home = join(dataDir, `host-${number}`);
    prepareHome(home, dataDir);
    const link = await startLink(postgres.url("registry"));
    const own = ["--host-id", hostName, "--database-url", link.url];
    const flags = [...LOCAL_FLAGS, ...boundFlags(BOUNDS, 2), ...LEASE_FLAGS, ...own];
    const env = cleanEnvironment({ ...shared, TENANTRY_DATA: home });
    replicas.push(
      new Replica(
        { name: hostName, dataDir: home, port: await freePort(), flags, env, hostName, link },
        ledger,
      ),
    );
    replicas.at(-1)?.start();
    // One after the other, so that the first shows the admin key.
    await replicas.at(-1)?.untilReady();
  }
  const observer = observePostgres(postgres.url("registry"));
  const states = observePostgres(postgres.url("state"));
  return {
    ...{ dataDir, cloud, observer, environment, replicas, registry: postgres.url("registry") },
    folders: [dataDir],
    bounds: BOUNDS,
    state: readStateDatabase(states.query),
    database: postgres,
    secrets: () => secretsOf(dataDir, replicas, postgres),
    async stop(keep) {
      await Promise.all(replicas.map((replica) => replica.stop()));
      for (const { options: own } of replicas) await own.link?.close();
      await observer.close();
      await states.close();
      await stopLocalCloud({ dataDir });
      await postgres.stop(keep);
      if (keep) ledger.say(`the PostgreSQL of registry and state is kept: ${databaseDir}`);
    },
  };
}

function requireHosts(): void {
  const { status, stderr, error } = spawnSync("unshare", ["--uts", "true"], { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(
    `Cannot give each service a host of its own: \`unshare --uts\` must be permitted, got ${error?.message ?? stderr.trim()}. ` +
      "Run as root, or in a container with CAP_SYS_ADMIN.",
  );
}

/** The hosts share cloud and passphrase; their runs, logs and Pulumi homes are their own. */
function prepareHome(home: string, shared: string): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  symlinkSync(join(shared, "cloud"), join(home, "cloud"));
  copyFileSync(join(shared, "passphrase"), join(home, "passphrase"));
}

async function secretsOf(dataDir: string, replicas: readonly Replica[], postgres: OwnPostgres) {
  const passphrase = await readFile(join(dataDir, "passphrase"), "utf8");
  return new Map([
    ["the passphrase of the state", passphrase.trim()],
    ["the admin key", replicas.find(({ adminKey }) => adminKey !== undefined)?.adminKey ?? ""],
    ["the registry's password", postgres.password],
  ]);
}
