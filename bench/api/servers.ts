import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Replica } from "../../chaos/replica.ts";
import type { Endpoint } from "./load.ts";

/** A service on a filled registry. */
export interface Served extends Endpoint {
  readonly size: number;
  readonly dataDir: string;
  /** The registry's, on SQLite. */
  readonly file: string;
  readonly tenantIds: readonly string[];
  readonly replica: Replica;
}

export interface Bare extends Endpoint {
  stop(): void;
}

const PROGRAM = fileURLToPath(new URL("./bare.ts", import.meta.url));

/** Starts the bare program, and makes sure that it answers a read with the very same record. */
export async function startBare(served: Served): Promise<Bare> {
  const own = join(served.dataDir, "bare.sqlite");
  await rm(own, { force: true });
  const flags = ["--disable-warning=ExperimentalWarning", PROGRAM, served.file, own];
  const child = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  const bare = {
    url: `http://127.0.0.1:${said.toString().trim().split(" ")[1]}`,
    key: "none",
    pid: child.pid ?? 0,
  };
  const path = `/v1/control-plane/tenants/${served.tenantIds[0]}`;
  const [ours, theirs] = await Promise.all([textOf(served, path), textOf(bare, path)]);
  if (ours !== theirs) {
    child.kill();
    throw new Error(`Cannot go on: both must answer alike, got ${ours} and ${theirs}`);
  }
  return { ...bare, stop: () => void child.kill() };
}

async function textOf({ url, key }: Pick<Endpoint, "url" | "key">, path: string): Promise<string> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  const record = (await answer.json()) as Record<string, unknown>;
  return JSON.stringify(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)));
}
