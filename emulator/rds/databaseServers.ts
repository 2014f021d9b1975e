/**
 * The PostgreSQL behind each RDS cluster: a process and a data folder of its own, so that clusters share nothing.
 *
 * It starts when somebody first asks for its address and ends with the local cloud, also when that is killed; its data
 * and, as far as possible, its port stay. A cluster that was deleted takes its data along.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { given } from "../aws/objects.ts";
import { CLUSTER } from "../aws/rdsCluster.ts";
import type { ResourceRecord, Store } from "../store/store.ts";
import { text } from "../values.ts";
import { findBinaries } from "./binaries.ts";
import { initialise, makeOwn } from "./initialise.ts";
import { masterLogin } from "./masterPassword.ts";
import { stopPostmaster } from "./postmaster.ts";
import { canReach, runAs } from "./runAs.ts";
import { type Server, startServer } from "./server.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface DatabaseServers {
  /** Starts it when it does not run. Only for clusters whose engine is PostgreSQL. */
  address(cluster: ResourceRecord): Promise<Address>;
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
/** How often deleted clusters are looked for where any has data. */
const SWEEP_EVERY_MS = 2_000;
/** For a root who keeps the cloud's folder to himself: PostgreSQL, which is somebody else then, has its data here. */
const OUTSIDE = "/var/tmp";
const OUTSIDE_PREFIX = "tenantry-rds-";
/** In a cluster's folder: which cloud it belongs to. */
const OWNER_FILE = "cloud";

export function createDatabaseServers(cloudFolder: string, store: Store): DatabaseServers {
  const home = join(cloudFolder, "rds");
  const servers = new Map<string, Promise<Server>>();
  let stopping = false;

  const start = async (id: string, cluster: ResourceRecord): Promise<Server> => {
    mkdirSync(home, { recursive: true, mode: 0o711 });
    const as = runAs(join(placeOf(home, id), "data"));
    const folder = settle(home, id, as);
    makeOwn(folder, as);
    nameOwner(folder, home);
    const binaries = findBinaries(as, join(OUTSIDE, "tenantry-postgres"));
    const databaseName = text(cluster.properties, "databaseName");
    await initialise(folder, binaries, as, { ...masterLogin(store, cluster), databaseName });
    const portFile = join(home, `${id}.port`);
    const port = existsSync(portFile) ? Number(readFileSync(portFile, "utf8")) : undefined;
    const server = await startServer({ binaries, as, folder, port });
    writeFileSync(portFile, String(server.port));
    return server;
  };

  const ensure = async (cluster: ResourceRecord): Promise<Server> => {
    if (stopping) throw new Error("Cannot start PostgreSQL: the local cloud is stopping");
    const id = resourceId(cluster);
    const known = servers.get(id);
    if (known !== undefined) {
      const server = await known;
      if (server.isAlive()) return server;
      if (servers.get(id) === known) servers.delete(id);
      return ensure(cluster);
    }
    const starting = start(id, cluster);
    servers.set(id, starting);
    starting.catch(() => servers.get(id) === starting && servers.delete(id));
    return starting;
  };

  const sweep = async () => {
    const live = new Set(store.list({ type: CLUSTER }).map(resourceId));
    for (const id of idsIn(home).filter((known) => !live.has(known))) {
      const server = await servers.get(id)?.catch(() => undefined);
      servers.delete(id);
      await server?.stop();
      await stopPostmaster(join(placeOf(home, id), "data"));
      rmSync(placeOf(home, id), { recursive: true, force: true });
      for (const ending of ["port", "place"]) rmSync(join(home, `${id}.${ending}`), { force: true });
    }
  };
  let sweeping: Promise<void> = sweep().catch(() => undefined);
  // Only a root has data there.
  if (process.getuid?.() === 0) sweepOutside();
  const timer = setInterval(() => {
    if (idsIn(home).length > 0) sweeping = sweeping.then(sweep).catch(() => undefined);
  }, SWEEP_EVERY_MS).unref();

  return {
    async address(cluster) {
      const { port } = await ensure(cluster);
      return { host: HOST, port };
    },
    async stop() {
      stopping = true;
      clearInterval(timer);
      await sweeping.catch(() => undefined);
      const running = await Promise.all([...servers.values()].map((server) => server.catch(() => undefined)));
      await Promise.all(running.map((server) => server?.stop()));
    },
  };
}

function resourceId(cluster: ResourceRecord): string {
  return given(cluster.properties, "clusterResourceId");
}

/** Clusters that have, or had, data here. */
function idsIn(home: string): readonly string[] {
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .filter((name) => name.endsWith(".place"))
    .map((name) => name.slice(0, -".place".length));
}

/** Where a cluster's data lies; written down before anything is there, so that it is found again to be removed. */
function placeOf(home: string, id: string): string {
  const file = join(home, `${id}.place`);
  return existsSync(file) ? readFileSync(file, "utf8") : join(home, id);
}

function settle(home: string, id: string, as: ReturnType<typeof runAs>): string {
  const file = join(home, `${id}.place`);
  if (existsSync(file)) return readFileSync(file, "utf8");
  const hash = createHash("sha256").update(home).digest("hex").slice(0, 16);
  const folder = canReach(home, as) ? join(home, id) : join(OUTSIDE, `${OUTSIDE_PREFIX}${hash}-${id}`);
  writeFileSync(file, folder);
  return folder;
}

/** Whole or not at all: whoever sweeps in the same instant and found no name would take the data for nobody's. */
function nameOwner(folder: string, home: string): void {
  const file = join(folder, OWNER_FILE);
  if (existsSync(file) && readFileSync(file, "utf8") === home) return;
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, home);
  renameSync(draft, file);
}

/** Data of clouds whose folder was removed with them running or not. */
export function sweepOutside(outside = OUTSIDE): void {
  if (!existsSync(outside)) return;
  for (const name of readdirSync(outside).filter((entry) => entry.startsWith(OUTSIDE_PREFIX))) {
    const file = join(outside, name, OWNER_FILE);
    const owner = existsSync(file) ? readFileSync(file, "utf8") : "";
    if (owner !== "" && !existsSync(owner)) rmSync(join(outside, name), { recursive: true, force: true });
  }
}
