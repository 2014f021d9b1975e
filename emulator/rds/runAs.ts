import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";

/** Who PostgreSQL runs as: it refuses to be root, as whom containers often run. Undefined for ourselves. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

const USERS = ["postgres", "nobody"];

/** The owner of data that is there already stays; otherwise the first such user that this machine has. */
export function runAs(dataFolder: string): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (existsSync(dataFolder)) {
    const { uid, gid } = statSync(dataFolder);
    if (uid !== 0) return { uid, gid };
  }
  for (const user of USERS) {
    const [uid, gid] = ["-u", "-g"].map((flag) => idOf(flag, user));
    if (uid !== undefined && gid !== undefined && uid !== 0) return { uid, gid };
  }
  throw new Error(
    `Cannot start PostgreSQL as root: this machine must have a user ${USERS.join(" or ")}, and has none`,
  );
}

function idOf(flag: string, user: string): number | undefined {
  const { status, stdout } = spawnSync("id", [flag, user], { encoding: "utf8" });
  return status === 0 && /^\d+\s*$/.test(stdout) ? Number(stdout) : undefined;
}

/** Whether that user can work in a folder, or run a file in it. */
export function canReach(path: string, as: RunAs | undefined): boolean {
  return spawnSync("test", ["-x", path], { ...as }).status === 0;
}
