import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * Where this process runs, and whether another one there is dead. Nothing here guesses: what cannot be proved is not said, since a
 * process wrongly taken for dead would have its stack taken while its CLI still writes to it.
 */

/**
 * One a machine, and one a container: a pid means something only among the processes that share its numbering. A restarted machine or
 * container has another.
 */
export function defaultHostId(): string {
  const name = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .slice(0, 80);
  return `${name || "host"}-${createHash("sha256").update(`${hostname()} ${pidSpace()}`).digest("hex").slice(0, 8)}`;
}

/** Names the numbering of pids: this start of this kernel, and on Linux the namespace. */
function pidSpace(): string {
  return [
    readOr("", () => readFileSync("/etc/machine-id", "utf8").trim()),
    readOr("", () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    readOr("", () => readlinkSync("/proc/self/ns/pid")),
  ].join(" ");
}

/** Tells a process from every other, one with the same pid at another time included; undefined when there is none. */
export function processStart(pid: number): string | undefined {
  const start = startOf(pid);
  if (start === undefined) return undefined;
  return `${createHash("sha256").update(pidSpace()).digest("hex").slice(0, 12)}:${start}`;
}

/** Whether a process that was recorded here is certainly gone. One recorded under another numbering cannot be judged. */
export function isProcessGone({ pid, processStartedAt }: { pid: number; processStartedAt: string }): boolean {
  const [space] = processStartedAt.split(":");
  const [ours] = (processStart(process.pid) ?? "").split(":");
  if (space === undefined || space === "" || space !== ours) return false;
  return processStart(pid) !== processStartedAt;
}

/** When the process started, in the system's own words. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name may hold spaces and brackets; the numbered fields begin after the last bracket.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return process.platform === "linux" ? undefined : startFromPs(pid);
  }
}

function startFromPs(pid: number): string | undefined {
  return (
    readOr("", () => execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim()) ||
    undefined
  );
}

function readOr(otherwise: string, read: () => string): string {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
