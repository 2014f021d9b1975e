import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { RunRequest } from "@pulumi/pulumi/proto/language_pb.js";

export interface ProgramResult {
  /** "" when the program succeeded. */
  readonly error: string;
  /** The program has told the user already what went wrong; the engine adds nothing. */
  readonly bail: boolean;
}

/** The SDK's runner ends with this code after it logged an error meant for the user. */
const EXIT_AFTER_LOGGED_ERROR = 32;
const KILL_AFTER_MS = 5_000;

const running = new Set<ChildProcess>();

export async function runProgram(request: RunRequest, engineAddress: string): Promise<ProgramResult> {
  const options = (request.getInfo()?.getOptions()?.toJavaScript() ?? {}) as {
    readonly nodeargs?: string;
    readonly typescript?: boolean;
  };
  const folder = request.getInfo()?.getProgramDirectory() || request.getPwd();
  const nodeArguments = options.nodeargs?.split(" ").filter((argument) => argument !== "") ?? [];
  const quiet = "--disable-warning=ExperimentalWarning";
  const child = spawn(
    process.execPath,
    [quiet, ...nodeArguments, ...runnerArguments(request, engineAddress, folder)],
    {
      cwd: folder,
      // Its output belongs to the user: the engine shows what this host prints after the port.
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().entries())),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
        // Only when a project asks for ts-node; Node itself runs the TypeScript it can strip.
        PULUMI_NODEJS_TYPESCRIPT: String(options.typescript === true),
      },
    },
  );
  running.add(child);
  try {
    return await resultOf(child);
  } finally {
    running.delete(child);
  }
}

export function cancelPrograms(): void {
  for (const child of running) {
    child.kill("SIGINT");
    setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS).unref();
  }
}

function runnerArguments(request: RunRequest, engineAddress: string, folder: string): string[] {
  // The program's own SDK, not ours: the two may be different copies.
  const sdk = createRequire(join(folder, "program.js")).resolve("@pulumi/pulumi/cmd/run");
  const flags: Record<string, string> = {
    monitor: request.getMonitorAddress(),
    engine: engineAddress,
    project: request.getProject(),
    stack: request.getStack(),
    organization: request.getOrganization(),
    "root-directory": request.getInfo()?.getRootDirectory() ?? "",
    parallel: String(request.getParallel()),
    pwd: folder,
  };
  const given = Object.entries(flags).filter(([, value]) => value !== "");
  return [
    sdk,
    ...given.map(([name, value]) => `--${name}=${value}`),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    request.getInfo()?.getEntryPoint() || request.getProgram() || ".",
    ...request.getArgsList(),
  ];
}

function resultOf(child: ChildProcess): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0) resolve({ error: "", bail: false });
      else if (code === EXIT_AFTER_LOGGED_ERROR) resolve({ error: "", bail: true });
      else resolve({ error: `Program ended with ${signal ?? `exit code ${code}`}`, bail: false });
    });
  });
}
