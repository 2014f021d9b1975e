import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import Database from "better-sqlite3";
import { startOf } from "./host.ts";

/**
 * One control service per data folder. The lock names its owner by pid and start time, so a lock left by a killed service is
 * taken over at once and a pid that was given to another program never blocks a start. Pids say nothing of a service in another container on the
 * same folder, so each holds a lock of the kernel besides, on a file that stays: that one ends with its process, however it ends.
 */

export class DataFolderInUse extends Error {}

export interface ProcessLock {
  release(): void;
}

interface Owner {
  readonly pid: number;
  readonly startedAt: string;
}

const takeOverAttempts = 5;
/** Of two that start in the same instant each may be in the other's way for a moment. */
const GUARD_WAIT_MS = 250;

export function lockDataFolder(dataDir: string): ProcessLock {
  const file = path.join(dataDir, "service.lock");
  const guard = holdGuard(`${file}.kernel`);
  if (guard === undefined) throw inUse(dataDir, read(file));
  try {
    const mine = take(dataDir, file);
    return {
      release() {
        releaseIfMine(file, mine);
        guard.close();
      },
    };
  } catch (thrown) {
    guard.close();
    throw thrown;
  }
}

/** SQLite locks files on every system it runs on; undefined when another process, or another lock of this one, has it. */
function holdGuard(file: string): Database.Database | undefined {
  const guard = new Database(file, { timeout: GUARD_WAIT_MS });
  try {
    guard.pragma("journal_mode = MEMORY");
    guard.exec("BEGIN EXCLUSIVE");
    return guard;
  } catch (cause) {
    guard.close();
    if (cause instanceof Database.SqliteError && cause.code.startsWith("SQLITE_BUSY")) return undefined;
    throw cause;
  }
}

function take(dataDir: string, file: string): Owner {
  const mine: Owner = { pid: process.pid, startedAt: startOf(process.pid) ?? "unknown" };
  for (let attempt = 0; attempt < takeOverAttempts; attempt += 1) {
    if (create(file, mine)) return mine;
    const owner = read(file);
    if (owner !== undefined && startOf(owner.pid) === owner.startedAt) throw inUse(dataDir, owner);
    removeDead(file, owner);
  }
  throw new DataFolderInUse(
    `Cannot start: the lock ${file} keeps changing hands; another service is starting.`,
  );
}

function inUse(dataDir: string, owner: Owner | undefined): DataFolderInUse {
  const who = owner === undefined ? "" : ` (process ${owner.pid}, maybe of another container)`;
  return new DataFolderInUse(
    `Cannot start: the data folder ${dataDir} is in use by another control service${who}. ` +
      "Stop that one, or give this one a folder of its own with --data-dir.",
  );
}

/** Written first and then given its name: created empty, it would look to another start like the lock of a dead service. */
function create(file: string, owner: Owner): boolean {
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(owner), { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}

/** Renaming first means that of two services that found the same dead lock only one removes it. */
function removeDead(file: string, dead: Owner | undefined): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const taken = read(aside);
  const wasTheDeadOne = taken?.pid === dead?.pid && taken?.startedAt === dead?.startedAt;
  if (wasTheDeadOne) rmSync(aside, { force: true });
  else renameSync(aside, file);
}

function releaseIfMine(file: string, mine: Owner): void {
  const owner = read(file);
  if (owner?.pid === mine.pid && owner.startedAt === mine.startedAt) rmSync(file, { force: true });
}
