import { readFileSync } from "node:fs";
import { EXIT, Failure, usageFailure } from "../exit.ts";

const STANDARD_INPUT = 0;

/** A body from a file of YAML or JSON, which is YAML too. */
export async function readBody(path: string): Promise<unknown> {
  const { parse } = await import("yaml");
  const said = readText(path);
  try {
    return parse(said, { maxAliasCount: 100 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw usageFailure(`Cannot read ${path}: it must be YAML or JSON. ${why}`);
  }
}

export function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? STANDARD_INPUT : path, "utf8");
  } catch (cause) {
    throw new Failure(EXIT.failed, `Cannot read ${path}: ${(cause as Error).message}.`, { cause });
  }
}
