import { defineConfig } from "vitest/config";
import { SlowFirst } from "./script/lib/slowFirst.ts";

/**
 * Two projects: `unit` (pure code and Pulumi's mocks, files beside their subject) and `process` (anything that
 * crosses a process: the local cloud, the engine, the service).
 * Files of `process` run two at a time: each starts its own local cloud, and an engine run wants a core.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "{client,contract,components,stacks,registry,service,emulator,launcher,toolchain,cli}/**/*.test.ts",
          ],
          testTimeout: 30_000,
          isolate: true,
        },
      },
      {
        test: {
          name: "process",
          include: ["test/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
