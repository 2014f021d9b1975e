import { spawn } from "node:child_process";
import { hostname } from "node:os";
import { expect, it } from "vitest";
import { EngineError } from "../engine/errors.ts";
import { withRecovery } from "./engineRun.ts";
import type { StepRun } from "./saga.ts";

/** Of a stack whose creations are refused for what is there already, as often as said. */
function runAmong(strangers: number) {
  const notes: string[] = [];
  const done = { recovered: 0, runs: 0 };
  const run = {
    service: {
      engine: {
        async recover() {
          done.recovered += 1;
          notes.length = 0;
        },
      },
      registry: { read: async () => ({ region: "eu-west-1", accountId: "1" }) },
      settings: {},
    },
    target: { projectName: "tenant-a", stackName: "dev-1" },
    hooks: { runId: "run", notes: { read: async () => notes } },
    say: async () => undefined,
  } as unknown as StepRun;
  const engineRun = async () => {
    done.runs += 1;
    if (done.runs > strangers) return "done";
    notes.push("a role");
    throw new EngineError("provider_failed", `Cannot create a role: it exists (${done.runs})`);
  };
  return { done, result: withRecovery(run, engineRun) };
}

it("looks up what was in the way of a creation, a few times at most", async () => {
  const lucky = runAmong(2);
  expect(await lucky.result).toBe("done");
  expect(lucky.done).toEqual({ recovered: 2, runs: 3 });
  const hopeless = runAmong(100);
  await expect(hopeless.result).rejects.toMatchObject({
    code: "provider_failed",
    message: /it exists \(4\)/,
  });
  expect(hopeless.done).toEqual({ recovered: 3, runs: 4 });
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
        async breakLock(_stack: unknown, owner: string) {
          expect(owner).toBe(lock.owner);
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
