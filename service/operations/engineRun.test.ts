import { spawn } from "node:child_process";
import { hostname } from "node:os";
import { expect, it } from "vitest";
import { EngineError } from "../engine/errors.ts";
import { withRecovery } from "./engineRun.ts";
import type { StepRun } from "./saga.ts";

it("waits for a CLI of this host that is still being stopped, and breaks its lock only then", async () => {
  const cli = spawn("sleep", ["600"]);
  const ended = new Promise((resolve) => cli.once("exit", resolve));
  const said: string[] = [];
  let [runs, isLocked] = [0, true];
  const run = {
    service: {
      settings: { leaseMs: 60_000, killTimeMs: 20_000 },
      engine: {
        async breakLock() {
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
