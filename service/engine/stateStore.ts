/**
 * Reads and mends stacks' states in the backend, without a program.
 *
 * The honest way is `pulumi stack export`, 0.1 s of CPU each. Every `up` looks at the state first (is there a stack,
 * is it this tenant's, did the last run end cleanly), so for a local `file://` backend the checkpoint is read
 * directly when it has the layout and version we know; anything else goes through the CLI. For the same reason a new
 * stack there is begun with the empty checkpoint that the CLI itself began stacks with, instead of `stack init`, a quarter of
 * a tenant's create. What is in a stack is only ever written by the CLI.
 */
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CliFailure, type CliResult, runCli } from "./cli.ts";
import { type Deployment, parseDeployment } from "./deployment.ts";
import type { StackTarget } from "./engine.ts";
import { classifyFailure } from "./errors.ts";
import type { ProcessIdentity } from "./processes.ts";
import { createRedactor } from "./redact.ts";
import { localHome, type StateLock, stateLocks } from "./stateLocks.ts";

export interface StateStoreOptions {
  readonly command: string;
  /** Scratch folders for the CLI are made in here. */
  readonly scratchDir: string;
  environment(): Promise<Readonly<Record<string, string>>>;
}

export interface StateStore {
  /** Undefined when there is no such stack. */
  read(target: StackTarget): Promise<Deployment | undefined>;
  /** Begins an empty stack where that takes no CLI; false when `stack init` has to do it, or the stack exists. */
  create(target: StackTarget): Promise<boolean>;
  write(target: StackTarget, deployment: Deployment): Promise<void>;
  /** The locks on the stack; undefined when only the CLI could tell. */
  locks(target: StackTarget): Promise<readonly StateLock[] | undefined>;
  /** Removes the lock of one CLI process that is known to be dead; leaves anybody else's alone where it can tell. */
  unlockAfter(target: StackTarget, dead: Pick<ProcessIdentity, "host" | "pid">): Promise<void>;
}

export function createStateStore(options: StateStoreOptions): StateStore {
  const cli = async (
    target: StackTarget,
    args: readonly string[],
    action: string,
    files?: Record<string, string>,
  ) => {
    await mkdir(options.scratchDir, { recursive: true });
    const workDir = await mkdtemp(join(options.scratchDir, "state-"));
    const env = await options.environment();
    try {
      const all = { "Pulumi.yaml": projectFile(target.projectName), ...files };
      for (const [name, text] of Object.entries(all))
        await writeFile(join(workDir, name), text, { mode: 0o600 });
      const full = [...args, "--stack", target.stackName, "--non-interactive"];
      return await runCli({ command: options.command, args: full, workDir, env });
    } catch (error) {
      throw classifyFailure({
        action: `${action} of stack ${target.projectName}/${target.stackName}`,
        error,
        diagnostics: [],
        failed: [],
        redact: createRedactor(env),
      });
    } finally {
      await rm(workDir, { recursive: true, force: true });
    }
  };

  const locks = async () => stateLocks((await options.environment()).PULUMI_BACKEND_URL ?? "");

  return {
    async read(target) {
      const quick = await readCheckpoint((await options.environment()).PULUMI_BACKEND_URL ?? "", target);
      if (quick !== "ask the CLI") return quick;
      let result: CliResult;
      try {
        result = await cli(target, ["stack", "export"], "read the state");
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
      return parseDeployment(JSON.parse(result.stdout));
    },
    async create(target) {
      const env = await options.environment();
      // Which provider encrypts a stack's secrets is fixed by `stack init`.
      if (env.TENANTRY_SECRETS_PROVIDER !== undefined) return false;
      return createCheckpoint(env.PULUMI_BACKEND_URL ?? "", target);
    },
    async write(target, deployment) {
      const files = { "state.json": JSON.stringify(deployment) };
      await (await locks())?.removeTorn(target);
      await cli(target, ["stack", "import", "--file", "state.json"], "mend the state", files);
    },
    async locks(target) {
      return (await locks())?.list(target);
    },
    async unlockAfter(target, dead) {
      const backend = await locks();
      if (backend === undefined) return void (await cli(target, ["cancel", "--yes"], "remove the lock"));
      for (const lock of await backend.list(target)) {
        if (lock.pid === dead.pid && lock.hostname === dead.host) await backend.remove(lock);
      }
    },
  };
}

/** JSON is YAML: names need no quoting rules. */
export function projectFile(projectName: string): string {
  return `${JSON.stringify({ name: projectName, runtime: "nodejs" })}\n`;
}

function isMissing(error: unknown): boolean {
  return (error as { code?: string }).code === "stack_not_found" && causeOf(error) instanceof CliFailure;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** Checkpoints whose layout is known; 4 is written for programs with resource hooks. */
const READABLE: ReadonlySet<unknown> = new Set([3, 4]);

export async function readCheckpoint(
  backendUrl: string,
  target: StackTarget,
): Promise<Deployment | undefined | "ask the CLI"> {
  const home = localHome(backendUrl);
  if (home === undefined) return "ask the CLI";
  const exists = await access(home).then(
    () => true,
    () => false,
  );
  if (!exists) return undefined;
  if (!(await hasKnownLayout(home))) return "ask the CLI";
  const folder = join(home, "stacks", target.projectName);
  const names: string[] = await readdir(folder).catch(() => []);
  if (!names.includes(`${target.stackName}.json`)) {
    // Compressed checkpoints carry a second extension.
    return names.some((name) => /\.json\.(gz|zst)$/.test(name)) ? "ask the CLI" : undefined;
  }
  const file = JSON.parse(await readFile(join(folder, `${target.stackName}.json`), "utf8"));
  if (!READABLE.has(file?.version)) return "ask the CLI";
  const features = Array.isArray(file.features) ? { features: file.features } : {};
  return parseDeployment({ version: file.version, ...features, deployment: file.checkpoint?.latest ?? {} });
}

async function createCheckpoint(backendUrl: string, target: StackTarget): Promise<boolean> {
  const home = localHome(backendUrl);
  if (home === undefined || !(await hasKnownLayout(home))) return false;
  const folder = join(home, "stacks", target.projectName);
  await mkdir(folder, { recursive: true });
  const stack = `organization/${target.projectName}/${target.stackName}`;
  const checkpoint = JSON.stringify({ version: 3, checkpoint: { stack } });
  // "wx": of two that begin the same stack one wins, and nothing is ever overwritten.
  return writeFile(join(folder, `${target.stackName}.json`), checkpoint, { flag: "wx", mode: 0o600 }).then(
    () => true,
    () => false,
  );
}

/** One folder of stacks per project: what every CLI since 3.61 sets up. */
async function hasKnownLayout(home: string): Promise<boolean> {
  const layout = await readFile(join(home, "meta.yaml"), "utf8").catch(() => "");
  return /^version: 1$/m.test(layout);
}
