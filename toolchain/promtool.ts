import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, publish } from "./cache.ts";
import { withLock } from "./lock.ts";
import { type RunResult, run, which } from "./process.ts";

/**
 * Gets promtool, with which Prometheus itself checks our alerts and rings them. It is in Debian's package of Prometheus, which is fetched
 * by apt with lists of its own, so that neither root nor a change to the system is needed. A machine that is not Debian's
 * kind, or reaches no mirror that still has the version, is no error: the test that wants promtool is told why there is none.
 */
export type Promtool = { readonly promtool: string } | { readonly unavailable: string };

const VERSION = "2.42.0+ds-5+deb12u1";
const SHA256 = "81d59a24fce84f7fbe97a45a4f2914b6a5881b5cd1db2a6a0e129e515e1a5f55";
const LOCK_WAIT_LIMIT_MS = 5 * 60_000;
const STEP_TIMEOUT_MS = 2 * 60_000;
const PROBE_TIMEOUT_MS = 10_000;

export async function ensurePromtool(cache = cacheFolder()): Promise<Promtool> {
  const place = join(cache, "promtool", VERSION);
  const promtool = join(place, "promtool");
  if (runs(promtool)) return { promtool };
  if (process.platform !== "linux" || process.arch !== "x64")
    return {
      unavailable: `promtool is known for linux-x64 alone, not for ${process.platform}-${process.arch}`,
    };
  for (const tool of ["apt-get", "dpkg-deb"])
    if (which(tool) === undefined)
      return { unavailable: `promtool comes from Debian, and there is no ${tool}` };
  return withLock(join(cache, "promtool.lock"), { waitLimitMs: LOCK_WAIT_LIMIT_MS }, async () => {
    if (runs(promtool)) return { promtool };
    let reason = "";
    const done = await publish(place, async (scratch) => {
      reason = await install(scratch, join(cache, "logs"));
      return reason === "";
    });
    return done ? { promtool } : { unavailable: `promtool could not be installed: ${reason}` };
  });
}

/** Returns why it failed, or "". */
async function install(folder: string, logs: string): Promise<string> {
  const work = join(folder, "work");
  mkdirSync(join(work, "lists", "partial"), { recursive: true });
  // Few retries: a machine without a mirror must learn it in seconds.
  const settings = {
    "Dir::State::Lists": join(work, "lists"),
    "Dir::Cache": join(work, "cache"),
    "Acquire::Languages": "none",
    "Acquire::Retries": "1",
    "Acquire::http::Timeout": "20",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const step = (name: string, command: string, args: readonly string[]): Promise<RunResult> =>
    run(command, args, {
      logFile: join(logs, `promtool-${name}.log`),
      timeoutMs: STEP_TIMEOUT_MS,
      cwd: work,
    });
  for (const args of [["update"], ["download", `prometheus=${VERSION}`]]) {
    const { ok, reason, excerpt } = await step(args[0] ?? "", "apt-get", [...options, ...args]);
    if (!ok) return `apt-get ${args.join(" ")}: ${reason}\n${excerpt}`;
  }
  const name = readdirSync(work).find((file) => file.endsWith(".deb"));
  if (name === undefined) return "apt-get download left no package";
  const digest = createHash("sha256")
    .update(readFileSync(join(work, name)))
    .digest("hex");
  if (digest !== SHA256) return `the package must have the SHA-256 ${SHA256}, got ${digest}`;
  const unpacked = await step("unpack", "dpkg-deb", ["-x", name, "files"]);
  if (!unpacked.ok) return `dpkg-deb -x: ${unpacked.reason}\n${unpacked.excerpt}`;
  copyFileSync(join(work, "files", "usr", "bin", "promtool"), join(folder, "promtool"));
  rmSync(work, { recursive: true });
  return runs(join(folder, "promtool")) ? "" : "it does not run here";
}

function runs(promtool: string): boolean {
  try {
    execFileSync(promtool, ["--version"], { stdio: "ignore", timeout: PROBE_TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
}
