import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { createPostgres } from "../registry/postgresDatabase.ts";
import { ensurePostgres } from "../registry/postgresServer.ts";
import { releaseBody, waitFor } from "./harness.ts";

/** Several services as processes of their own, on one PostgreSQL and one fake cloud; each can be told which host it is on. */
export interface Replica {
  readonly url: string;
  readonly pid: number;
  signal(signal: NodeJS.Signals): Promise<void>;
}

export interface Replicas {
  readonly dataDir: string;
  readonly url: string;
  start(hostId: string, flags?: readonly string[]): Promise<Replica>;
  // biome-ignore lint/suspicious/noExplicitAny: answers are checked against the contract by the service itself
  call(at: Replica, method: string, path: string, body?: object): Promise<{ status: number; body: any }>;
  /** While held, engine runs do not end. */
  hold(isHeld: boolean): void;
  runs(): readonly Run[];
  raw(...statements: string[]): Promise<Record<string, unknown>[]>;
  adminKeys(): readonly string[];
  cleanUp(): Promise<void>;
}

/** `endedAt` is missing when the process was killed meanwhile. */
export interface Run {
  readonly key: string;
  readonly pid: number;
  readonly beganAt: bigint;
  endedAt?: bigint;
}

/** Long enough for a machine that has much else to do. */
const patientLease = ["--lease-ms", "60000", "--kill-time-ms", "1000"];
/** So that a takeover is a matter of seconds. */
export const shortLease = { killTimeMs: 1_000, flags: ["--lease-ms", "3000", "--kill-time-ms", "1000"] };

export async function createReplicas(options: { readonly runMs?: number } = {}): Promise<Replicas | string> {
  const postgres = await ensurePostgres();
  if (!("server" in postgres)) return postgres.reason;
  const database = await createPostgres(postgres.server, { empty: true });
  const url = "url" in database.location ? database.location.url : "";
  const dataDir = mkdtempSync(path.join(tmpdir(), "tenantry-replicas-"));
  const children = new Set<ChildProcess>();
  const keys: string[] = [];
  const holdFile = path.join(dataDir, "hold");

  return {
    ...{ dataDir, url, adminKeys: () => keys },
    async start(hostId, flags = []) {
      const script = path.join(import.meta.dirname, "replicaProcess.ts");
      const settings = ["--database-url", url, "--data-dir", dataDir, "--host-id", hostId, "--port", "0"];
      const times = [...patientLease, "--drain-ms", "200"];
      const quick = ["--steady-poll-ms", "50", "--steady-timeout-ms", "20000", "--reconcile", "off"];
      const child = spawn(
        process.execPath,
        [
          ...["--disable-warning=ExperimentalWarning", script, String(options.runMs ?? 0)],
          ...[...settings, ...times, ...quick, ...flags],
        ],
        { stdio: ["ignore", "pipe", "pipe"] },
      );
      children.add(child);
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      let said = "";
      child.stderr?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
      const greeting = await new Promise<{ url: string; adminKey: string | null }>((resolve, reject) => {
        createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line)));
        child.once("exit", () => reject(new Error(`the replica ended: ${said}`)));
      });
      if (greeting.adminKey !== null) keys.push(greeting.adminKey);
      return {
        url: greeting.url,
        pid: child.pid ?? 0,
        async signal(signal) {
          child.kill(signal);
          await gone;
          children.delete(child);
        },
      };
    },
    async call(at, method, route, body) {
      const response = await fetch(`${at.url}/v1/control-plane${route}`, {
        method,
        headers: { authorization: `Bearer ${keys[0]}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    },
    hold(isHeld) {
      if (isHeld) writeFileSync(holdFile, "");
      else rmSync(holdFile, { force: true });
    },
    runs: () => readRuns(path.join(dataDir, "runs.log")),
    raw: (...statements) => database.raw(...statements),
    async cleanUp() {
      rmSync(holdFile, { force: true });
      await Promise.all(
        [...children].map((child) => {
          const gone = new Promise((resolve) => child.once("exit", resolve));
          child.kill("SIGKILL");
          return child.exitCode === null && child.signalCode === null ? gone : undefined;
        }),
      );
      await database.dispose();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function readRuns(file: string): Run[] {
  if (!existsSync(file)) return [];
  const runs: Run[] = [];
  for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
    const { what, key, pid, at } = JSON.parse(line);
    const open = runs.findLast((run) => run.key === key && run.pid === pid && run.endedAt === undefined);
    if (what === "begin") runs.push({ key, pid, beganAt: BigInt(at) });
    else if (open !== undefined) open.endedAt = BigInt(at);
  }
  return runs;
}

/** Most runs at once among those that have ended. */
export function peakOf(runs: readonly Run[]): number {
  const edges = runs.flatMap((run) => [
    { at: run.beganAt, by: 1 },
    { at: run.endedAt ?? run.beganAt, by: -1 },
  ]);
  edges.sort((a, b) => (a.at === b.at ? a.by - b.by : a.at < b.at ? -1 : 1));
  let now = 0;
  return edges.reduce((peak, { by }) => {
    now += by;
    return Math.max(peak, now);
  }, 0);
}

export async function addTenants(replicas: Replicas, at: Replica, count: number): Promise<string[]> {
  const { body: release } = await replicas.call(at, "POST", "/releases", releaseBody("1.0.0"));
  if (release.number === undefined) throw new Error(`no release: ${JSON.stringify(release)}`);
  const ids: string[] = [];
  for (let place = 0; place < count; place += 1) {
    const slug = `tenant-${place}`;
    const tenant = { slug, displayName: slug, plan: "starter", planes: ["dev-eu-west-1"] };
    const { status, body } = await replicas.call(at, "POST", "/tenants", tenant);
    if (status !== 201) throw new Error(`no tenant: ${JSON.stringify(body)}`);
    ids.push(body.tenantId);
  }
  return ids;
}

export async function activate(replicas: Replicas, at: Replica, tenantId: string): Promise<string> {
  const { status, body } = await replicas.call(at, "POST", `/tenants/${tenantId}/activate`, {});
  if (status !== 202) throw new Error(`not activated: ${JSON.stringify(body)}`);
  return body.operations[0].operationId;
}

/** The operation once it has ended, as seen at one replica. */
export function endedAt(
  replicas: Replicas,
  at: Replica,
  operationId: string,
  limitMs = 60_000,
): Promise<Record<string, unknown>> {
  return waitFor(
    `operation ${operationId}`,
    async () => {
      const { body } = await replicas.call(at, "GET", `/operations/${operationId}`);
      return body.finishedAt === null ? undefined : body;
    },
    limitMs,
  );
}
