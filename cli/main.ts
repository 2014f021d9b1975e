import { readFileSync } from "node:fs";
import { EXIT, Failure } from "./exit.ts";
import { processIo } from "./io.ts";

/**
 * tenantry, the command line client. It is thin: it knows the API's description, turns what was typed into one request,
 * shows the answer, and follows what the request began. It promises: standard output holds the answer and nothing else (one JSON value
 * with --json), messages go to standard error, nothing destructive happens without a yes, and the exit code says what came
 * of it (docs/cli.md). It refuses to check what the service checks.
 *
 * It starts with little: what a command needs is loaded when that command runs.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const io = processIo();
  // Whoever reads the output may stop reading: `tenantry tenant list | head -1`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.done);
    throw error;
  });
  try {
    const { runProgram } = await import("./program.ts");
    process.exitCode = await runProgram(argv, io, version());
  } catch (thrown) {
    const failure = thrown instanceof Failure ? thrown : undefined;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (argv.includes("--json") && failure !== undefined)
      io.err(`${JSON.stringify(failure.problem ?? { detail: message, exitCode: failure.exitCode })}\n`);
    else io.err(`${failure === undefined ? `Cannot go on: ${message}` : message}\n`);
    process.exitCode = failure?.exitCode ?? EXIT.failed;
  }
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
