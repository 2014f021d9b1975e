import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { AuditEvent } from "../../contract/audit.ts";
import type { ChainHead } from "../../registry/auditChain.ts";
import { readCheckpoint, readKeys } from "../../registry/auditKept.ts";
import {
  type AuditLine,
  type LinesOptions,
  type LinesVerification,
  LinesVerifier,
} from "../../registry/auditLines.ts";
import { EXIT, Failure, usageFailure } from "../exit.ts";
import { harmless } from "../io.ts";

/** Of any length: nothing is kept but the heads. */
export async function verifyFile(file: string, options: LinesOptions): Promise<LinesVerification> {
  const verifier = new LinesVerifier(options);
  for await (const value of valuesOf(file)) verifier.add(value);
  const verification = verifier.end();
  // Nothing is no proof of anything.
  if (verification.chains > 0) return verification;
  throw new Failure(
    EXIT.failed,
    `Cannot verify ${file}: there must be audit events in it, and there are none.`,
  );
}

/** What the caller has kept to hold the export against. */
export async function kept(
  checkpoints: readonly string[],
  keys: string | undefined,
): Promise<Pick<LinesOptions, "checkpoints" | "keys">> {
  return {
    checkpoints: await Promise.all(checkpoints.map((file) => reading(file, "a checkpoint", readCheckpoint))),
    keys: keys === undefined ? undefined : await reading(keys, "public keys", readKeys),
  };
}

async function reading<T>(file: string, what: string, read: (text: string) => T): Promise<T> {
  try {
    return read(await readFile(file, "utf8"));
  } catch (cause) {
    const message = `Cannot read ${file}: it must be ${what}: ${(cause as Error).message}.`;
    throw new Failure(EXIT.failed, message, { cause });
  }
}

async function* valuesOf(file: string): AsyncGenerator<AuditEvent | AuditLine> {
  const input = file === "-" ? process.stdin : createReadStream(file, "utf8");
  let line = 0;
  try {
    for await (const said of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (said.trim() !== "") yield lineOf(said, file, line);
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure(EXIT.failed, `Cannot read ${file}: ${(cause as Error).message}.`, { cause });
  }
}

function lineOf(said: string, file: string, line: number): AuditEvent | AuditLine {
  try {
    const value = JSON.parse(said) as Partial<AuditEvent> & { readonly line?: unknown };
    if (typeof value.line === "string") return value as unknown as AuditLine;
    if (typeof value.chain === "string" && typeof value.hash === "string" && Number.isInteger(value.sequence))
      return value as AuditEvent;
  } catch {
    // Told below, as what is JSON and no event.
  }
  throw new Failure(EXIT.failed, `Cannot read ${file}: line ${line} must be an audit event as JSON.`);
}

export function headOf(said: string | undefined): ChainHead | undefined {
  if (said === undefined) return undefined;
  const [, sequence, hash] = /^(\d+):([0-9a-f]{64})$/.exec(said) ?? [];
  if (sequence !== undefined && hash !== undefined) return { sequence: Number(sequence), hash };
  throw usageFailure(
    `Cannot read --head: it must be SEQUENCE:HASH from an earlier verification, got "${said}".`,
  );
}

export function told(verification: LinesVerification): string {
  const { verified, scope, events, chains, breaks, fleetHead, checkpoints, keysGiven, segments } =
    verification;
  const lines = [
    `${events} events in ${chains} chains: ${verified ? "all verified" : `${breaks.length} broken`}`,
    scope === null ? "events alone: nothing says which there should be" : `an export of: ${scope}`,
    ...breaks.map(({ chain, kind, message }) => `  ${chain}: ${kind}: ${message}`),
    ...segments.map(({ chain, sequence }) => `  ${chain}: events 1 to ${sequence} are not in the export`),
    ...checkpoints.map((number) => `held against checkpoint ${number}`),
    ...(checkpoints.length > 0 && !keysGiven
      ? ["signatures were checked with the keys in the file: give --keys to know whose they are"]
      : []),
    ...(fleetHead === null ? [] : [`fleet head: ${fleetHead.sequence}:${fleetHead.hash}`]),
  ];
  return `${lines.map(harmless).join("\n")}\n`;
}
