import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../../demo/processes.ts";

export interface ScriptEnd {
  readonly code: number | null;
  /** What its one line of standard output says; undefined without one. */
  readonly line: unknown;
  /** Standard error. */
  readonly said: string;
}

/** Runs a script of the project, such as `chaos`, to its end. */
export async function runScript(name: string, ...flags: string[]): Promise<ScriptEnd> {
  const child = spawn(join(root, "script", name), flags, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let [line, said] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    line += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, said, line: line === "" ? undefined : JSON.parse(line) };
}
