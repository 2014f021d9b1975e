import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Tells which PostgreSQL processes a local cloud has. It remembers where their data was, because that is not always in the
 * cloud's folder, and because the folder may be gone by the time it is asked whether they are.
 */
export function postgresWatch(cloudFolder: () => string): () => string[] {
  const places = new Set<string>();
  return () => {
    const home = join(cloudFolder(), "rds");
    const names = existsSync(home) ? readdirSync(home).filter((name) => name.endsWith(".place")) : [];
    for (const name of names) places.add(readFileSync(join(home, name), "utf8"));
    const processes = execFileSync("ps", ["-ewwo", "pid,args"], { encoding: "utf8" }).split("\n");
    return processes.filter((line) => [...places].some((place) => line.includes(`-D ${place}/data`)));
  };
}
