import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { identifyProcess, type ProcessIdentity } from "./processes.ts";

export interface CliOptions {
  /** The executable: a name on PATH or an absolute path. */
  readonly command: string;
  readonly args: readonly string[];
  /** Holds Pulumi.yaml; also where output files go. */
  readonly workDir: string;
  readonly env: Readonly<Record<string, string>>;
  /**
   * Base name of the output files in `workDir`. The CLI then outlives the death of this process: with pipes it would
   * die on its next line and leave the lock and half a state behind. Without a name output comes through pipes,
   * which is right for what only reads.
   */
  readonly outputName?: string;
  onSpawn?(process: ProcessIdentity): void;
}

export interface CliResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The CLI ended with something else than success. `result` holds raw output: redact before it goes anywhere. */
export class CliFailure extends Error {
  override readonly name = "CliFailure";
  readonly result: CliResult;

  constructor(args: readonly string[], result: CliResult) {
    super(`pulumi ${args[0] ?? ""} ended with ${result.signal ?? `exit code ${result.exitCode}`}`);
    this.result = result;
  }
}

/** The CLI could not be started at all. */
export class CliMissing extends Error {
  override readonly name = "CliMissing";

  constructor(command: string, cause: unknown) {
    super(
      `Cannot start the Pulumi CLI: "${command}" must be an executable on PATH. Run script/bootstrap, which gets it.`,
      { cause },
    );
  }
}

/** Runs the CLI to its end; rejects with `CliFailure` or `CliMissing`. */
export async function runCli(options: CliOptions): Promise<CliResult> {
  const result = await (options.outputName === undefined
    ? runPiped(options)
    : runToFiles(options, options.outputName));
  if (result.exitCode !== 0) throw new CliFailure(options.args, result);
  return result;
}

async function runToFiles(options: CliOptions, outputName: string): Promise<CliResult> {
  const files = ["out", "err"].map((kind) => join(options.workDir, `${outputName}.${kind}`)) as [
    string,
    string,
  ];
  const [out, err] = [openSync(files[0], "w", 0o600), openSync(files[1], "w", 0o600)];
  try {
    const child = spawnCli(options, ["ignore", out, err]);
    const end = await child;
    const [stdout, stderr] = await Promise.all(files.map((file) => readFile(file, "utf8")));
    return { ...end, stdout: stdout ?? "", stderr: stderr ?? "" };
  } finally {
    closeSync(out);
    closeSync(err);
  }
}

async function runPiped(options: CliOptions): Promise<CliResult> {
  const text = { stdout: "", stderr: "" };
  const end = await spawnCli(options, ["ignore", "pipe", "pipe"], text);
  return { ...end, ...text };
}

type Stdio = ["ignore", number | "pipe", number | "pipe"];

function spawnCli(
  options: CliOptions,
  stdio: Stdio,
  text?: { stdout: string; stderr: string },
): Promise<Pick<CliResult, "exitCode" | "signal">> {
  return new Promise((resolve, reject) => {
    // A session of its own: Ctrl-C in the terminal of the service must reach the service only, which then decides.
    const child = spawn(options.command, [...options.args], {
      cwd: options.workDir,
      env: options.env,
      stdio,
      detached: true,
    });
    child.once("error", (cause) => reject(new CliMissing(options.command, cause)));
    if (text !== undefined) {
      child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
        text.stdout += chunk;
      });
      child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
        text.stderr += chunk;
      });
    }
    if (child.pid !== undefined) options.onSpawn?.(identifyProcess(child.pid));
    child.once("close", (exitCode, signal) => resolve({ exitCode, signal }));
  });
}
