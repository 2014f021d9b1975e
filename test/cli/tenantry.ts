import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { run } from "../../cli/main.ts";
import type { TestService } from "../service/harness.ts";

const bin = fileURLToPath(new URL("../../bin/tenantry.mjs", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Of another installation. */
  readonly program?: string;
}

/** A configuration folder of nobody's, so that a developer's own profiles steer no test. */
export function emptyConfig(): string {
  return mkdtempSync(join(tmpdir(), "tenantry-config-"));
}
const nobodys = emptyConfig();

/** The real command as a child process, without a terminal. */
export async function tenantry(
  args: readonly string[],
  { env = {}, stdin = "", program = bin }: RunOptions = {},
) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, XDG_CONFIG_HOME: nobodys, ...env },
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [ended, out, err] = await Promise.all([code, text(child.stdout), text(child.stderr)]);
  return { code: ended, out, err };
}

/** The command against one service, with its first admin key. */
export function commandOf(service: TestService) {
  return (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
    tenantry(args, {
      ...options,
      env: { TENANTRY_URL: service.url(), TENANTRY_API_KEY: service.adminKey, ...options.env },
    });
}

/** The command in this process, on a terminal of the test's: as fast as its requests. */
export async function inProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  terminal: { readonly columns?: number; readonly rows?: number; readonly colour?: boolean } = {},
): Promise<Ended> {
  let [out, err] = ["", ""];
  const { columns = Number.POSITIVE_INFINITY, rows = 24, colour = false } = terminal;
  const code = await run(args, {
    env: { XDG_CONFIG_HOME: nobodys, ...env },
    stdinIsTerminal: false,
    stdoutIsTerminal: Number.isFinite(columns),
    stderrIsTerminal: Number.isFinite(columns),
    columns,
    rows,
    colour,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

/** In this process against one service. */
export function quickCommandOf(service: TestService) {
  return (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
    inProcess(args, { TENANTRY_URL: service.url(), TENANTRY_API_KEY: service.adminKey, ...env });
}
