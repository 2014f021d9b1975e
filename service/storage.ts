import { statfsSync } from "node:fs";
import { ProblemError } from "../contract/errors.ts";
import type { Registry } from "../registry/registry.ts";
import type { Settings } from "./config.ts";
import type { Logger } from "./log.ts";

/**
 * Whether there is room to write. When the registry says that its disk is full, or the data folder's has less free than the
 * reserve, the service is read-only: it answers reads, says so on /readiness, refuses what would change something
 * and begins no operation, because one that runs out of room in its middle leaves more to mend than one that waits. It
 * tries a write now and then and goes on by itself when there is room.
 */
export interface Storage {
  /** What is in the way; undefined when all is well. */
  problem(): ProblemError | undefined;
  /** Takes note when the error says that there is no room; gives it back. */
  notice(thrown: unknown): void;
  stop(): void;
}

export interface StorageParts {
  readonly settings: Pick<Settings, "dataDir" | "diskReserveMb">;
  readonly registry: Registry;
  readonly log: Logger;
  /** Called when there is room again. */
  readonly onRoom: () => void;
  readonly lookEveryMs: number;
  /** A write to the registry that matters to nobody. */
  probe(): Promise<unknown>;
}

export function createStorage(parts: StorageParts): Storage {
  const { settings, log } = parts;
  let registryIsFull = false;
  let folderIsFull = isBelowReserve(settings);
  let looking = false;

  async function look(): Promise<void> {
    const before = registryIsFull || folderIsFull;
    folderIsFull = isBelowReserve(settings);
    if (registryIsFull && !folderIsFull) {
      await parts.probe();
      registryIsFull = false;
    }
    const now = registryIsFull || folderIsFull;
    if (now && !before) log.error({ folderIsFull }, "storage is full: read-only from now on");
    if (!now && before) {
      log.info("there is room again");
      parts.onRoom();
    }
  }

  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((thrown: unknown) => log.warn({ err: thrown }, "storage is still full"))
      .finally(() => {
        looking = false;
      });
  }, parts.lookEveryMs);

  return {
    problem() {
      if (registryIsFull) return storageFull("the disk of the registry's database is full");
      if (!folderIsFull) return undefined;
      return storageFull(
        `the data folder's disk must have ${settings.diskReserveMb} MB free, and has less (--disk-reserve-mb)`,
      );
    },
    notice(thrown) {
      if (registryIsFull || !isStorageFull(thrown)) return;
      registryIsFull = true;
      log.error({ err: thrown }, "storage is full: read-only from now on");
    },
    stop: () => clearInterval(timer),
  };
}

function isStorageFull(thrown: unknown): boolean {
  return thrown instanceof ProblemError && thrown.code === "storage_full";
}

function storageFull(why: string): ProblemError {
  return new ProblemError("storage_full", {
    detail: `Cannot change anything at the moment: ${why}. Reads go on; nothing was changed.`,
    hint: "Make room. The service notices within seconds; then send the request again with the same Idempotency-Key.",
  });
}

/** The registry, whose errors are shown to `notice` before the caller sees them. */
export function noticing(registry: Registry, notice: (thrown: unknown) => void): Registry {
  const seen = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (thrown) {
      notice(thrown);
      throw thrown;
    }
  };
  return {
    ...registry,
    change: (context, work, scope) => seen(registry.change(context, work, scope)),
    record: (work, lock) => seen(registry.record(work, lock)),
  };
}

/** A folder that cannot be looked at is no reason to stop: writing to it will tell. */
function isBelowReserve({ dataDir, diskReserveMb }: StorageParts["settings"]): boolean {
  try {
    const { bavail, bsize } = statfsSync(dataDir);
    return bavail * bsize < diskReserveMb * 1024 * 1024;
  } catch {
    return false;
  }
}
