import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { which } from "../toolchain/process.ts";
import { type CommandLine, createsStack, needsCloud, type Project, parseCommandLine } from "./arguments.ts";
import { type Cloud, checkoutFolder, dataFolder, parseCloud } from "./dataFolder.ts";
import { pulumiEnvironment } from "./environment.ts";
import { ensureLocalCloud } from "./localCloud.ts";
import { writePlaneProject } from "./planeProject.ts";

/**
 * script/pulumi: the real Pulumi CLI with the environment of this installation.
 *
 * On the local cloud (the default) it starts that cloud when the command may need it, attaches its providers, and runs
 * in a generated project in the data folder, so that no committed file changes. With `--cloud aws` it sets state and
 * passphrase only where the caller did not, and runs in the checkout with the normal plugins, as plain `pulumi` would.
 * Arguments, input, output, signals and exit code are the CLI's own.
 */
async function main(): Promise<number> {
  const line = parseCommandLine(process.argv.slice(2), process.cwd());
  const cloud = parseCloud(line.cloud ?? process.env.TENANTRY_CLOUD);
  const dataDir = dataFolder();
  const env: Env = {
    ...process.env,
    ...pulumiEnvironment({ dataDir, cloud }),
    ...(cloud === "local" && needsCloud(line) ? (await ensureLocalCloud({ dataDir })).providerEnv : {}),
  };
  const cwd = line.ownFolder ? process.cwd() : projectFolder(line.project, cloud, dataDir);
  const stack = line.stack ?? process.env.PULUMI_STACK;
  if (createsStack(line) && !line.ownFolder && stack !== undefined) {
    const code = ensureStack(stack, cwd, env);
    if (code !== 0) return code;
  }
  return runCli(line, cwd, env);
}

type Env = NodeJS.ProcessEnv & { readonly PULUMI_BACKEND_URL?: string };

/** Where the repository keeps each project. */
const COMMITTED: Readonly<Record<Project, string>> = {
  plane: checkoutFolder,
  "control-plane": join(checkoutFolder, "stacks", "controlPlane"),
};

function projectFolder(project: Project, cloud: Cloud, dataDir: string): string {
  const committedFolder = COMMITTED[project];
  if (cloud === "aws") return committedFolder;
  const host = which("pulumi-language-nodejs");
  // Named in the project, the checkout's stand-in is used without the CLI's warning about a host off the beaten track.
  const standIn = host?.startsWith(join(checkoutFolder, "toolchain")) === true;
  return writePlaneProject({
    committedFolder,
    dataDir,
    name: project,
    ...(standIn ? { languageHost: host } : {}),
  });
}

/** Selecting is asked of the CLI only when its state does not show the stack: it costs half a second. */
function ensureStack(stack: string, cwd: string, env: Env): number {
  if (stackIsInState(stack, cwd, env.PULUMI_BACKEND_URL ?? "")) return 0;
  const args = ["stack", "select", "--create", stack, "--non-interactive"];
  // Standard output stays the command's own (`up --json`).
  return exitCode(spawnSync("pulumi", args, { cwd, env, stdio: ["ignore", 2, 2] }));
}

function stackIsInState(stack: string, cwd: string, backendUrl: string): boolean {
  if (!backendUrl.startsWith("file://") || stack.includes("/")) return false;
  const project = parse(readFileSync(join(cwd, "Pulumi.yaml"), "utf8")) as { readonly name: string };
  const folder = join(fileURLToPath(backendUrl), ".pulumi", "stacks", project.name);
  return [".json", ".json.gz"].some((ending) => existsSync(join(folder, stack + ending)));
}

function runCli(line: CommandLine, cwd: string, env: Env): Promise<number> {
  const child = spawn("pulumi", line.args, { cwd, env, stdio: "inherit" });
  // Ctrl-C reaches the CLI from the terminal; it decides how to end, and we wait for it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new Error("Cannot run pulumi: it must be on PATH. Run script/bootstrap", { cause })),
    );
    child.once("exit", (status, signal) => resolve(exitCode({ status, signal })));
  });
}

function exitCode({ status, signal }: Pick<SpawnSyncReturns<string>, "status" | "signal">): number {
  return status ?? 128 + (signal === null ? 1 : constants.signals[signal]);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
