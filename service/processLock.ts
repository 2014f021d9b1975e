import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { startOf } from "./host.ts";

/**
 * One control service per data folder. The lock names its owner by pid and start time, so a lock left by a killed service is
 * taken over at once and a pid that was given to another program never blocks a start.
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

export function lockDataFolder(dataDir: string): ProcessLock {
  const file = path.join(dataDir, "service.lock");
  const mine: Owner = { pid: process.pid, startedAt: startOf(process.pid) ?? "unknown" };
  for (let attempt = 0; attempt < takeOverAttempts; attempt += 1) {
    if (create(file, mine)) return { release: () => releaseIfMine(file, mine) };
    const owner = read(file);
    if (owner !== undefined && startOf(owner.pid) === owner.startedAt) {
      throw new DataFolderInUse(
        `Cannot start: the data folder ${dataDir} is in use by another control service (process ${owner.pid}). ` +
          "Stop that one, or give this one a folder of its own with --data-dir.",
      );
    }
    removeDead(file, owner);
  }
  throw new DataFolderInUse(
    `Cannot start: the lock ${file} keeps changing hands; another service is starting.`,
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
