import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestCount } from "./lib/countReporter.ts";

/**
 * script/test: every check of the project, and one closing line `N passed, N failed, N skipped` that counts them all.
 * The gates (types, lint and format, layers, generated files) count as one test each. With arguments only the tests
 * they name run, for quick work: `script/test registry/audit.test.ts -t chain`.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const GATE_OUTPUT_BYTES = 16 * 1024 * 1024;
const LAYERS =
  "contract components stacks registry service emulator launcher toolchain cli console router client bench chaos demo test script".split(
    " ",
  );

interface Gate {
  readonly name: string;
  /** A script of a package, run under this Node, with its arguments. */
  readonly command: readonly [script: string, ...args: string[]];
}

const gates: readonly Gate[] = [
  { name: "types", command: ["node_modules/typescript/bin/tsc", "-p", "."] },
  {
    name: "lint and format",
    command: ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings"],
  },
  {
    name: "layers",
    command: [
      "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs",
      ...["--config", ".dependency-cruiser.cjs"],
      ...LAYERS.filter((folder) => existsSync(join(root, folder))),
    ],
  },
  { name: "generated files", command: ["contract/writeOpenapi.ts", "--check"] },
];

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const failedGates = args.length === 0 ? await runGates() : 0;
  const tests = await runTests(args);
  for (const { name, reason } of tests.skipped) console.log(`skipped: ${name}: ${reason}`);
  const passed = tests.passed + (args.length === 0 ? gates.length - failedGates : 0);
  const failed = tests.failed + failedGates;
  console.log(`${passed} passed, ${failed} failed, ${tests.skipped.length} skipped`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function runGates(): Promise<number> {
  const failures = await Promise.all(gates.map(gateFails));
  return failures.filter(Boolean).length;
}

function gateFails({ name, command }: Gate): Promise<boolean> {
  const startedAt = Date.now();
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      command,
      { cwd: root, maxBuffer: GATE_OUTPUT_BYTES },
      (error, stdout, stderr) => {
        const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
        console.log(`${error === null ? "ok" : "FAILED"}: ${name} (${seconds} s)`);
        if (error !== null) console.log(`${stdout}${stderr}`.trimEnd() || error.message);
        resolve(error !== null);
      },
    );
  });
}

async function runTests(args: readonly string[]): Promise<TestCount> {
  const scratch = mkdtempSync(join(tmpdir(), "tenantry-test-"));
  const countFile = join(scratch, "count.json");
  try {
    const code = await vitest(args, countFile);
    if (!existsSync(countFile)) return { passed: 0, failed: 1, skipped: [] };
    const count = JSON.parse(readFileSync(countFile, "utf8")) as TestCount;
    return code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The caller's own settings must not steer the tests: a shell may point at real state, or at a cloud that costs money. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TENANTRY|PULUMI|AWS)_/.test(name)),
  );
}

function vitest(args: readonly string[], countFile: string): Promise<number> {
  const reporters = ["--reporter=default", `--reporter=${join(root, "script", "lib", "countReporter.ts")}`];
  const child = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...cleanEnvironment(), TENANTRY_TEST_COUNT: countFile },
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main();
