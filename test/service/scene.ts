import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { plane, waitFor } from "./harness.ts";
import type { CloudThing, RealService } from "./realService.ts";

/** What tests do who kill parts of a real service while an engine run stands still in the middle. */
export interface Scene {
  activation(slug: string): Promise<{ tenantId: string; operationId: string }>;
  /** Asks for something of a tenant that gives one operation. */
  ask(tenantId: string, what: string, body?: object): Promise<string>;
  // biome-ignore lint/suspicious/noExplicitAny: shapes are asserted by the tests
  ended(operationId: string): Promise<any>;
  present(tenantId: string): Promise<readonly CloudThing[]>;
  /** Makes calls hang after their effect (or before it), and gives the fault's id. */
  hang(type: string, operation: "create" | "update" | "delete", more?: object): Promise<string>;
  /** Waits until so many calls hang. */
  untilHanging(calls?: number): Promise<void>;
  /** The CLI of the operation's run. */
  cliPid(operationId: string): Promise<number>;
  /** The state knows everything that is in the cloud, and no run is open. */
  expectSettled(tenantId: string): Promise<readonly CloudThing[]>;
  /** Undefined when there is no such stack. */
  stateOf(tenantId: string): StackState | undefined;
  locks(): readonly string[];
}

export interface StackState {
  readonly pending: number;
  readonly ids: ReadonlySet<string>;
}

export function createScene(service: RealService): Scene {
  const read = (...parts: string[]) => readFileSync(path.join(service.dataDir, ...parts), "utf8");
  const list = (...parts: string[]) => {
    const folder = path.join(service.dataDir, ...parts);
    return readdirSync(folder, { recursive: true }).map(String);
  };
  const scene: Scene = {
    async activation(slug) {
      const body = { slug, displayName: slug, plan: "starter", planes: [plane] };
      const tenant = await service.call("POST", "/tenants", body);
      expect(tenant.status, JSON.stringify(tenant.body)).toBe(201);
      const { tenantId } = tenant.body;
      return { tenantId, operationId: await scene.ask(tenantId, "activate") };
    },
    async ask(tenantId, what, body = {}) {
      const answer = await service.call("POST", `/tenants/${tenantId}/${what}`, body);
      expect(answer.status, JSON.stringify(answer.body)).toBe(202);
      return answer.body.operations[0].operationId;
    },
    ended: (operationId) =>
      waitFor(
        `operation ${operationId}`,
        async () => {
          const { body } = await service.call("GET", `/operations/${operationId}`);
          return body.finishedAt === null ? undefined : body;
        },
        200_000,
      ),
    present: async (tenantId) => (await service.listing(tenantId)).filter(({ state }) => state === "present"),
    async hang(type, operation, more = {}) {
      const fault = { type, operation, kind: "hang", when: "after", count: 1, ...more };
      return ((await service.control("POST", "/v1/faults", fault)) as { faultId: string }).faultId;
    },
    async untilHanging(calls = 1) {
      const look = async () => {
        const { faults } = (await service.control("GET", "/v1/faults")) as { faults: { hanging: number }[] };
        return faults.reduce((sum, { hanging }) => sum + hanging, 0) >= calls ? true : undefined;
      };
      await waitFor("a call to hang", look, 60_000);
    },
    cliPid: (operationId) =>
      waitFor("the CLI", async () => {
        const files = list("runs").filter(
          (name) => name.startsWith(operationId) && name.endsWith("cli.json"),
        );
        const pids = files.map((name) => pidIn(read.bind(undefined, "runs", name)));
        return pids.find((pid) => pid !== undefined && isAlive(pid));
      }),
    async expectSettled(tenantId) {
      const things = await scene.present(tenantId);
      const state = scene.stateOf(tenantId);
      expect(things.filter(({ type, id }) => state?.ids.has(`${type} ${id}`) !== true)).toEqual([]);
      expect(state?.pending ?? 0).toBe(0);
      expect(scene.locks()).toEqual([]);
      return things;
    },
    stateOf(tenantId) {
      const file = ["state", ".pulumi", "stacks", `tenant-${tenantId}`, `${plane}-1.json`];
      if (!existsSync(path.join(service.dataDir, ...file))) return undefined;
      const { checkpoint } = JSON.parse(read(...file));
      const { pending_operations: pending = [], resources = [] } = checkpoint.latest ?? {};
      const ids = resources.map(({ type, id }: { type: string; id?: string }) => `${type} ${id}`);
      return { pending: pending.length, ids: new Set(ids) };
    },
    locks: () => list("state", ".pulumi", "locks").filter((name) => name.endsWith(".json")),
  };
  return scene;
}

function pidIn(read: () => string): number | undefined {
  try {
    return JSON.parse(read()).pid;
  } catch {
    // Not begun yet, or ended.
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

export function kill(pid: number): void {
  expect(pid).toBeGreaterThan(1);
  process.kill(pid, "SIGKILL");
}
