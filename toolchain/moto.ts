import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder, publish } from "./cache.ts";
import { withLock } from "./lock.ts";
import { run, which } from "./process.ts";

/**
 * Gets moto, an independent stand-in for AWS written in Python, for the tests that hold our local cloud and our AWS
 * client against something that is not ours. It lives in a virtual environment in the cache, one per set of pinned requirements.
 * A machine without Python or PyPI is no error: the tests that want moto are told why there is none.
 */
export type Moto = { readonly python: string } | { readonly unavailable: string };

const requirementsFile = fileURLToPath(new URL("./moto/requirements.txt", import.meta.url));
const LOCK_WAIT_LIMIT_MS = 10 * 60_000;
const VENV_TIMEOUT_MS = 2 * 60_000;
const PIP_TIMEOUT_MS = 8 * 60_000;
const PROBE_TIMEOUT_MS = 20_000;

export async function ensureMoto(cache = cacheFolder()): Promise<Moto> {
  const digest = createHash("sha256").update(readFileSync(requirementsFile)).digest("hex").slice(0, 12);
  const place = join(cache, "moto", digest);
  const python = join(place, "bin", "python");
  if (runs(python)) return { python };
  const system = which("python3") ?? which("python");
  if (system === undefined)
    return { unavailable: "moto needs Python 3.9 or newer, and there is no python3 on PATH" };
  return withLock(join(cache, "moto.lock"), { waitLimitMs: LOCK_WAIT_LIMIT_MS }, async () => {
    if (runs(python)) return { python };
    let reason = "";
    const done = await publish(place, async (scratch) => {
      reason = await install(system, scratch, join(cache, "logs"));
      return reason === "";
    });
    return done ? { python } : { unavailable: `moto could not be installed: ${reason}` };
  });
}

/** Returns why it failed, or "". A virtual environment works after its folder is renamed as long as only its python is called. */
async function install(system: string, folder: string, logs: string): Promise<string> {
  const venv = await run(system, ["-m", "venv", folder], {
    logFile: join(logs, "moto-venv.log"),
    timeoutMs: VENV_TIMEOUT_MS,
  });
  if (!venv.ok)
    return `python3 -m venv: ${venv.reason} (Debian and Ubuntu need the package python3-venv)\n${venv.excerpt}`;
  // Few retries: a machine without PyPI must learn it in seconds.
  const options = [
    "--disable-pip-version-check",
    "--no-input",
    "--quiet",
    "--retries",
    "1",
    "--timeout",
    "30",
  ];
  const python = join(folder, "bin", "python");
  const pip = await run(python, ["-m", "pip", "install", ...options, "-r", requirementsFile], {
    logFile: join(logs, "moto-pip.log"),
    timeoutMs: PIP_TIMEOUT_MS,
  });
  return pip.ok ? "" : `pip install: ${pip.reason}\n${pip.excerpt}`;
}

function runs(python: string): boolean {
  try {
    execFileSync(python, ["-c", "import flask, boto3"], { stdio: "ignore", timeout: PROBE_TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
}
