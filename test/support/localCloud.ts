/** A local cloud for one test file: a process of its own on a temporary folder, stopped by its pid. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../emulator/main.ts", import.meta.url));
const START_LIMIT_MS = 60_000;

export interface CloudResource {
  readonly account: string;
  readonly region: string;
  readonly type: string;
  readonly id: string;
  readonly arn?: string;
  readonly name: string;
  readonly state: "present" | "scheduled_for_deletion";
  readonly deletionAt?: string;
  readonly tags: Record<string, string>;
  readonly properties: Record<string, unknown>;
  readonly createdAt: string;
}

export interface TestCloud {
  readonly dataFolder: string;
  readonly pid: number;
  readonly controlUrl: string;
  /** What attaches the Pulumi CLI to this cloud. */
  readonly providerEnv: { readonly PULUMI_DEBUG_PROVIDERS: string };
  /** One call of the control API; throws with the problem's detail when it is refused. */
  request<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Query members as the API has them: type, region, "tag.<key>" … */
  resources(query?: Readonly<Record<string, string>>): Promise<readonly CloudResource[]>;
  change(type: string, id: string, properties: unknown): Promise<CloudResource>;
  remove(type: string, id: string): Promise<void>;
  fault(fault: Readonly<Record<string, unknown>>): Promise<string>;
  /** Ends the process; the folder goes too unless it was given. */
  stop(): Promise<void>;
  /** SIGKILL, for tests of what survives; the folder stays. */
  kill(): Promise<void>;
}

export interface TestCloudOptions {
  /** An existing folder is kept; without it a temporary one is made and removed. */
  readonly dataFolder?: string;
  readonly profile?: Readonly<Record<string, unknown>>;
}

export async function startTestCloud(options: TestCloudOptions = {}): Promise<TestCloud> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), "tenantry-cloud-"));
  const flags = ["--data", dataFolder, "--profile", JSON.stringify(options.profile ?? {})];
  const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await untilListening(child);
  const running = JSON.parse(readFileSync(join(dataFolder, "emulator.json"), "utf8"));
  const controlUrl: string = running.controlUrl;

  async function end(signal: NodeJS.Signals): Promise<void> {
    child.kill(signal);
    await exited;
  }
  const cloud: TestCloud = {
    dataFolder,
    pid: running.pid,
    controlUrl,
    providerEnv: {
      PULUMI_DEBUG_PROVIDERS: `aws:${running.providers.aws},awsx:${running.providers.awsx}`,
    },
    request: (method, path, body) => controlRequest(`${controlUrl}${path}`, method, body),
    async resources(query = {}) {
      const path = `/v1/resources?${new URLSearchParams({ limit: "10000", ...query })}`;
      const page = await cloud.request<{ resources: CloudResource[] }>("GET", path);
      return page.resources;
    },
    change: (type, id, properties) =>
      cloud.request("PATCH", `/v1/resources/one?${new URLSearchParams({ type, id })}`, { properties }),
    remove: (type, id) => cloud.request("DELETE", `/v1/resources/one?${new URLSearchParams({ type, id })}`),
    async fault(fault) {
      const added = await cloud.request<{ faultId: string }>("POST", "/v1/faults", fault);
      return added.faultId;
    },
    async stop() {
      await end("SIGTERM");
      if (options.dataFolder === undefined) rmSync(dataFolder, { recursive: true, force: true });
    },
    kill: () => end("SIGKILL"),
  };
  return cloud;
}

/** Resolves at the line the cloud prints when it listens. */
async function untilListening(child: ChildProcess): Promise<void> {
  let output = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`The local cloud did not listen within ${START_LIMIT_MS} ms: ${output}`));
    }, START_LIMIT_MS);
    child.stderr?.on("data", (chunk) => {
      output += chunk;
    });
    child.stdout?.once("data", () => {
      clearTimeout(timer);
      resolve();
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`The local cloud ended with ${code}: ${output}`));
    });
  });
}

async function controlRequest<T>(url: string, method: string, body: unknown): Promise<T> {
  const response = await fetch(url, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const answer = text === "" ? undefined : JSON.parse(text);
  if (!response.ok) throw new Error(`${response.status} ${answer?.code}: ${answer?.detail}`);
  return answer as T;
}
