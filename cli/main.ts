import { EXIT, type ExitCode, Failure } from "./exit.ts";
import { harmless, type Io, processIo } from "./io.ts";

/**
 * tenantry, the command line client. It is thin: it knows the API's description, turns what was typed into one request,
 * shows the answer, and follows what the request began. It promises: standard output holds the answer and nothing else (one JSON value
 * with --json), messages go to standard error, nothing destructive happens without a yes, and the exit code says what came
 * of it (docs/cli.md). It refuses to check what the service checks.
 *
 * It starts with little: what a command needs is loaded when that command runs.
 */
export async function main(argv: readonly string[]): Promise<void> {
  // Whoever reads the output may stop reading: `tenantry tenant list | head -1`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.done);
    throw error;
  });
  process.exitCode = await run(argv, processIo());
}

/** The same with a terminal of the caller's. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  try {
    const { runProgram } = await import("./program.ts");
    return await runProgram(argv, io);
  } catch (thrown) {
    const failure = thrown instanceof Failure ? thrown : undefined;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const exitCode = failure?.exitCode ?? EXIT.failed;
    const detail = failure === undefined ? `Cannot go on: ${harmless(message)}` : message;
    const isJson = argv.includes("--json");
    io.err(`${isJson ? JSON.stringify(failure?.problem ?? { detail, exitCode }) : detail}\n`);
    return exitCode;
  }
}
