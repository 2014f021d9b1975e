/** One process per data folder. The lock is held by an open SQLite transaction, so no crash can leave it behind. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";

export interface FolderLock {
  release(): void;
}

export class FolderInUse extends Error {
  constructor(folder: string, pid: string) {
    super(
      `Cannot start a second local cloud on ${folder}: process ${pid} has it. ` +
        "Use that one (its address is in emulator.json), stop it, or give another --data folder.",
    );
    this.name = "FolderInUse";
  }
}

export function lockFolder(folder: string): FolderLock {
  const pidFile = join(folder, "emulator.pid");
  const database = new Database(join(folder, "emulator.lock"), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    throw new FolderInUse(folder, readPid(pidFile));
  }
  writeFileSync(pidFile, String(process.pid));
  return {
    release() {
      database.exec("ROLLBACK");
      database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY");
}

function readPid(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "unknown";
  }
}
