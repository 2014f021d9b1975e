import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stopLocalCloud } from "../../launcher/localCloud.ts";
import { waitFor } from "./harness.ts";

/** The service as a process of its own, on the real engine and the local cloud. */

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface CloudThing {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly state: string;
  readonly properties: Record<string, unknown>;
}

export interface RealService {
  readonly dataDir: string;
  url(): string;
  adminKey(): string;
  pid(): number;
  start(flags?: readonly string[]): Promise<void>;
  /** Starts a second one and gives what it said when it ended. */
  startSecond(): Promise<{ code: number | null; output: string }>;
  /** Gives the exit code: null when the signal ended it. */
  signal(signal: NodeJS.Signals): Promise<number | null>;
  // biome-ignore lint/suspicious/noExplicitAny: shapes are asserted by the tests
  call(method: string, at: string, body?: object): Promise<{ status: number; body: any }>;
  /** Warnings and errors of the service's log, to go with a failure. */
  troubles(): string;
  /** What the local cloud itself lists of a tenant. */
  listing(tenantId: string): Promise<CloudThing[]>;
  control(method: string, at: string, body?: object): Promise<unknown>;
  cleanUp(): Promise<void>;
}

/** Drift is repaired by the tests themselves, not by the reconcile loop when it comes by. */
const byHand = ["--drift-policy", "dev=report"];

/** With another's data folder, when there is one to go beside; then this one's flags name the database that they share. */
export function createRealService(beside?: RealService): RealService {
  const dataDir = beside?.dataDir ?? mkdtempSync(path.join(tmpdir(), "tenantry-e2e-"));
  const environment = { ...process.env, TENANTRY_DATA: dataDir };
  let child: ChildProcess | undefined;
  let adminKey = "";
  let url = "";

  const spawnService = (flags: readonly string[]) =>
    spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "service/main.ts", "--port", "0", ...byHand, ...flags],
      { cwd: root, env: environment, stdio: ["ignore", "ignore", "pipe"] },
    );
  const control = async (method: string, at: string, body?: object) => {
    const { controlUrl } = JSON.parse(readFileSync(path.join(dataDir, "cloud", "emulator.json"), "utf8"));
    const response = await fetch(new URL(at, controlUrl), {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    if (!response.ok) throw new Error(`${method} ${at}: ${response.status} ${await response.text()}`);
    const text = await response.text();
    return text === "" ? undefined : JSON.parse(text);
  };

  return {
    dataDir,
    control,
    url: () => url,
    adminKey: () => adminKey,
    pid: () => child?.pid ?? Number.NaN,
    async start(flags = []) {
      const started = spawnService(flags);
      child = started;
      let said = "";
      started.stderr?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
      url = await waitFor(
        "the service to listen",
        async () => {
          if (started.exitCode !== null) throw new Error(`the service ended: ${said}`);
          return readServerFile(dataDir, started.pid);
        },
        60_000,
      );
      // What was printed may come through its pipe after the file is seen.
      adminKey ||= beside?.adminKey() ?? "";
      adminKey ||= await waitFor(
        "the admin key",
        async () => /tk_[a-z0-9]{12}_[\w-]{43}/.exec(said)?.[0],
        10_000,
      );
    },
    async startSecond() {
      const second = spawnService([]);
      let output = "";
      second.stderr?.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
      const code = await new Promise<number | null>((resolve) => second.once("exit", resolve));
      return { code, output };
    },
    async signal(signal) {
      const running = child;
      if (running === undefined || running.exitCode !== null) return running?.exitCode ?? null;
      const gone = new Promise<number | null>((resolve) => running.once("exit", resolve));
      running.kill(signal);
      const code = await gone;
      child = undefined;
      return code;
    },
    async call(method, at, body) {
      const response = await fetch(`${url}/v1/control-plane${at}`, {
        method,
        headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    },
    troubles: () =>
      readFileSync(path.join(dataDir, "service.log"), "utf8")
        .split("\n")
        .filter((line) => /"level":[4-6]0/.test(line))
        .join("\n"),
    async listing(tenantId) {
      const answer = (await control("GET", `/v1/resources?tag.tenantry:tenant-id=${tenantId}&limit=500`)) as {
        resources: CloudThing[];
      };
      return answer.resources;
    },
    async cleanUp() {
      await this.signal("SIGTERM");
      await stopLocalCloud({ dataDir });
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function readServerFile(dataDir: string, pid: number | undefined): string | undefined {
  try {
    const server = JSON.parse(readFileSync(path.join(dataDir, "server.json"), "utf8"));
    return server.pid === pid ? server.url : undefined;
  } catch {
    return undefined;
  }
}

/** `pulumi up` of the dev plane, as a person would. */
export async function bringUpPlane(dataDir: string): Promise<void> {
  const up = spawn("script/pulumi", ["up", "--stack", "dev", "--yes", "--skip-preview"], {
    cwd: root,
    env: { ...process.env, TENANTRY_DATA: dataDir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [up.stdout, up.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const code = await new Promise<number | null>((resolve) => up.once("exit", resolve));
  if (code !== 0) throw new Error(`pulumi up failed (${code}): ${said.slice(-3_000)}`);
}
