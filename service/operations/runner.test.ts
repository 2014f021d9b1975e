import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import type { ServiceContext } from "../app/context.ts";
import { readSettings } from "../config.ts";
import { createNudges } from "../nudges.ts";
import { createRunner } from "./runner.ts";

it("a process that may not work claims nothing, until it may", async () => {
  let [mayWork, asked, claims] = [false, 0, 0];
  const runner = createRunner({
    settings: readSettings([], {}),
    registry: {
      read: async () => [],
      async record() {
        claims += 1;
        return undefined;
      },
    },
    process: {
      processId: "p1",
      gone: async () => [],
      mayWork() {
        asked += 1;
        return mayWork;
      },
    },
    storage: { problem: () => undefined },
    nudges: createNudges(),
  } as unknown as ServiceContext);
  runner.wake();
  await expect.poll(() => asked).toBe(1);
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  expect(claims).toBe(0);
  mayWork = true;
  runner.wake();
  await expect.poll(() => claims).toBe(1);
  await runner.stop(0);
});
