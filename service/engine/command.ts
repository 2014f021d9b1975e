import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { version as sdkVersion } from "@pulumi/pulumi/version.js";
import { type CliResult, runCli } from "./cli.ts";
import type { ProcessIdentity } from "./processes.ts";

/**
 * The Automation API's command object, cut to what a run needs.
 *
 * The stock object spawns a CLI process for each of `version`, `stack select`, two `stack output` and `stack history`
 * around every `up`; each costs 0.1 to 0.3 s of CPU. Here the version is the SDK's own (the toolchain pins them
 * together), a stack is named in every call so that nothing is selected, and outputs and counts come from the
 * event stream. What is left is spawned with its output in files, so that the CLI outlives this process.
 */
export interface RunCommandOptions {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  /** More arguments by subcommand, such as `{ destroy: ["--remove"], "stack init": ["--no-select"] }`. */
  readonly extraArgs?: Readonly<Record<string, readonly string[]>>;
  /** Arguments that the Automation API gives and that are left out. */
  readonly droppedArgs?: readonly string[];
  /** Checked before each process: once cancelled, nothing new begins. */
  beforeSpawn(): void;
  onSpawn(process: ProcessIdentity): void;
}

const NOTHING = { stdout: "", stderr: "", exitCode: 0, signal: null } as const;

export function createRunCommand(options: RunCommandOptions): PulumiCommand {
  const dropped = new Set(options.droppedArgs);
  const run = async (
    args: readonly string[],
    workDir: string,
    env: Readonly<Record<string, string>>,
  ): Promise<CliResult & { code: number | null }> => {
    const canned = cannedAnswer(args);
    if (canned !== undefined) return { ...NOTHING, stdout: canned, code: 0 };
    options.beforeSpawn();
    const subcommand = args[0] === "stack" ? `stack ${args[1]}` : (args[0] ?? "");
    const extra = options.extraArgs?.[subcommand] ?? [];
    const result = await runCli({
      command: options.command,
      args: [...args.filter((arg) => !dropped.has(arg)), ...extra, "--non-interactive"],
      workDir,
      env: { ...options.env, ...env, PULUMI_AUTOMATION_API: "true" },
      outputName: subcommand.replace(" ", "-"),
      onSpawn: options.onSpawn,
    });
    return { ...result, code: result.exitCode };
  };
  // The declared class shows only `command` and `version`; `run` is what the SDK calls on it.
  const command = { command: options.command, version: { toString: () => sdkVersion }, run };
  return command as unknown as PulumiCommand;
}

function cannedAnswer(args: readonly string[]): string | undefined {
  if (args[0] !== "stack") return undefined;
  if (args[1] === "select") return "";
  if (args[1] === "output") return "{}";
  if (args[1] === "history") return "[]";
  return undefined;
}
