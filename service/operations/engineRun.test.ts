import { spawn } from "node:child_process";
import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { EngineError } from "../engine/errors.ts";
import { destroyStack, withRecovery } from "./engineRun.ts";
import type { StepRun } from "./saga.ts";

/** Of a stack whose creation of a role is refused; `adopted` is what is found of it to be this target's. */
function refused(noted: readonly string[], adopted: readonly string[]) {
  const done = { recovered: 0, runs: 0 };
  const run = {
    service: {
      engine: {
        async recover() {
          done.recovered += 1;
          return { adopted };
        },
      },
      registry: { read: async () => ({ region: "eu-west-1", accountId: "1" }) },
      settings: {},
    },
    target: { projectName: "tenant-a", stackName: "dev-1" },
    hooks: { runId: "run", notes: { read: async () => noted.map((type) => ({ type })) } },
    say: async () => undefined,
  } as unknown as StepRun;
  const engineRun = async () => {
    done.runs += 1;
    throw new EngineError("provider_failed", "Cannot create a role: it exists");
  };
  return { done, result: withRecovery(run, engineRun) };
}

describe("a creation that was refused", () => {
  it("is worth another try of the step when the object was this target's, as the run has changed things by then", async () => {
    const { done, result } = refused(["refused"], ["urn:pulumi:dev::tenant::aws:iam/role:Role::iam"]);
    await expect(result).rejects.toMatchObject({
      code: "created_already",
      retryable: true,
      message: expect.stringContaining('"iam"'),
    });
    expect(done).toEqual({ recovered: 1, runs: 1 });
  });

  it("is the step's failure when it was not", async () => {
    const { done, result } = refused(["refused"], []);
    await expect(result).rejects.toMatchObject({ code: "provider_failed" });
    expect(done).toEqual({ recovered: 1, runs: 1 });
  });

  it("is not looked into when no object was in its way", async () => {
    const { done, result } = refused(["creating"], []);
    await expect(result).rejects.toMatchObject({ code: "provider_failed" });
    expect(done).toEqual({ recovered: 0, runs: 1 });
  });
});

describe("taking down a stack that is gone", () => {
  const destroy = async (lock: { owner: string; since: string }) => {
    const broken: unknown[] = [];
    const run = {
      service: {
        settings: { leaseMs: 60_000, killTimeMs: 20_000 },
        engine: {
          destroy: async () => ({ existed: false, lock }),
          breakLock: async (_stack: unknown, owner: unknown) => void broken.push(owner),
        },
      },
      operation: { startedAt: null },
      target: { projectName: "tenant-a", stackName: "dev-1", tenantId: "a" },
      hooks: { signal: new AbortController().signal },
      say: async () => undefined,
    } as unknown as StepRun;
    expect(await destroyStack(run)).toMatchObject({ existed: false });
    return broken;
  };

  it("removes the lock of a CLI that has ended, and leaves one of which nobody can tell", async () => {
    const since = new Date(Date.now() - 1_000).toISOString();
    const gone = { host: hostname(), pid: 4_000_000 };
    expect(await destroy({ owner: `me@${gone.host} (pid ${gone.pid})`, since })).toEqual([gone]);
    expect(await destroy({ owner: "me@elsewhere (pid 7)", since })).toEqual([]);
  });
});

it("waits for a CLI of this host that is still being stopped, and breaks its lock only then", async () => {
  const cli = spawn("sleep", ["600"]);
  const ended = new Promise((resolve) => cli.once("exit", resolve));
  const said: string[] = [];
  let [runs, isLocked] = [0, true];
  const run = {
    service: {
      settings: { leaseMs: 60_000, killTimeMs: 20_000 },
      engine: {
        async breakLock(_stack: unknown, owner: unknown) {
          expect(owner).toEqual({ host: hostname(), pid: cli.pid });
          expect(cli.signalCode).toBe("SIGKILL");
          isLocked = false;
        },
      },
    },
    operation: { startedAt: null },
    target: { projectName: "tenant-a", stackName: "dev-1" },
    hooks: { signal: new AbortController().signal },
    async say(message: string) {
      said.push(message);
      if (message.includes("still runs")) cli.kill("SIGKILL");
    },
  } as unknown as StepRun;
  const lock = { owner: `me@${hostname()} (pid ${cli.pid})`, since: new Date().toISOString() };
  const result = await withRecovery(run, async () => {
    runs += 1;
    if (isLocked) throw new EngineError("stack_locked", "locked", { lock });
    return "done";
  });
  await ended;
  expect({ result, runs }).toEqual({ result: "done", runs: 2 });
  expect(said).toHaveLength(2);
});
