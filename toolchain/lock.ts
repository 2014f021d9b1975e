import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processStartToken } from "./process.ts";

/**
 * A lock between processes of one machine, held as a file. It comes into being whole (a hard link to a file written
 * before), so no reader ever sees half an owner; and it outlives its owner harmlessly: whoever finds the owner dead, by
 * pid and start time, takes it over. A lock from another host (a shared home folder) is believed to be alive.
 */
export interface LockOptions {
  /** How long to wait for a living owner before giving up. */
  readonly waitLimitMs: number;
  /** Called once, when there is somebody to wait for. */
  onWait?(owner: LockOwner): void;
}

export interface LockOwner {
  readonly pid: number;
  readonly startToken: string;
  readonly host: string;
}

/** A living owner kept it for longer than the caller would wait. */
export class LockHeld extends Error {}

const POLL_MS = 100;

/** Throws LockHeld. */
export async function withLock<T>(file: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const release = await acquire(file, options);
  try {
    return await work();
  } finally {
    release();
  }
}

async function acquire(file: string, options: LockOptions): Promise<() => void> {
  mkdirSync(dirname(file), { recursive: true });
  const me = ownerText();
  const candidate = `${file}.${process.pid}-${Math.random().toString(36).slice(2)}`;
  writeFileSync(candidate, me);
  const deadline = Date.now() + options.waitLimitMs;
  let told = false;
  try {
    while (!linked(candidate, file)) {
      const seen = readText(file);
      const owner = seen === undefined ? undefined : parseOwner(seen);
      if (seen !== undefined && (owner === undefined || !isAlive(owner))) {
        breakStale(file, seen, candidate);
        continue;
      }
      if (owner !== undefined && !told) {
        told = true;
        options.onWait?.(owner);
      }
      if (Date.now() > deadline) {
        throw new LockHeld(
          `Cannot take the lock ${file}: process ${owner?.pid ?? "?"} on ${owner?.host ?? "?"} still held it after ` +
            `${Math.round(options.waitLimitMs / 1000)} s. End that process, or delete the file if it is gone.`,
        );
      }
      await sleep(POLL_MS);
    }
  } finally {
    rmSync(candidate, { force: true });
  }
  return () => {
    if (readText(file) === me) rmSync(file, { force: true });
  };
}

/**
 * Removes the lock of a dead owner. Guarded by a second link, because between "it is stale" and "remove it" another
 * process may have removed it and taken the lock itself.
 */
function breakStale(file: string, stale: string, candidate: string): void {
  const breaker = `${file}.break`;
  if (!linked(candidate, breaker)) {
    const owner = parseOwner(readText(breaker) ?? "");
    if (owner === undefined || !isAlive(owner)) rmSync(breaker, { force: true });
    return;
  }
  try {
    if (readText(file) === stale) rmSync(file, { force: true });
  } finally {
    rmSync(breaker, { force: true });
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new Error(`Cannot create the lock ${to}: its folder must allow hard links`, { cause });
  }
}

function ownerText(): string {
  const owner: LockOwner = {
    pid: process.pid,
    startToken: processStartToken(process.pid) ?? "",
    host: hostname(),
  };
  // The nonce tells two locks of one process apart when it releases.
  return JSON.stringify({ ...owner, nonce: Math.random().toString(36).slice(2) });
}

function parseOwner(text: string): LockOwner | undefined {
  try {
    const value = JSON.parse(text) as Partial<LockOwner>;
    const { pid, startToken, host } = value;
    if (typeof pid !== "number" || typeof startToken !== "string" || typeof host !== "string")
      return undefined;
    return { pid, startToken, host };
  } catch {
    return undefined;
  }
}

function isAlive(owner: LockOwner): boolean {
  return owner.host !== hostname() || processStartToken(owner.pid) === owner.startToken;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}
