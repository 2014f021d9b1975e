import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { ChainHead } from "./auditChain.ts";
import { auditVerifyOffline } from "./auditFile.ts";
import { readCheckpoint, readKeys } from "./auditKept.ts";

/**
 * `script/audit verify FILE|URL [--json] [--checkpoint FILE]… [--keys FILE] [--fleet-head SEQUENCE:HASH]`: is the audit
 * trail whole? Exits 0 when it is, 2 when it is not, 1 when it cannot be read. Needs no service and no key: whoever may read the
 * file or the database (postgres://…) can check it.
 */
const usage =
  "script/audit verify FILE|URL [--json] [--checkpoint FILE]… [--keys FILE] [--fleet-head SEQUENCE:HASH]";

const options = {
  json: { type: "boolean", default: false },
  checkpoint: { type: "string", multiple: true },
  keys: { type: "string" },
  "fleet-head": { type: "string" },
} as const;

function readArguments(args: string[]) {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
  const [verb, file, ...more] = positionals;
  if (verb !== "verify" || file === undefined || more.length > 0) {
    throw new Error(`the arguments must be \`verify FILE\`, got \`${positionals.join(" ")}\``);
  }
  const { json, checkpoint = [], keys, "fleet-head": head } = values;
  return {
    ...{ file, json },
    kept: {
      fleetHead: head === undefined ? undefined : readHead(head),
      checkpoints: checkpoint.map((one) => reading(one, "a checkpoint", readCheckpoint)),
      keys: keys === undefined ? undefined : reading(keys, "public keys", readKeys),
    },
  };
}

function readHead(head: string): ChainHead {
  const [, sequence, hash] = /^(\d+):([0-9a-f]{64})$/.exec(head) ?? [];
  if (sequence !== undefined && hash !== undefined) return { sequence: Number(sequence), hash };
  throw new Error(`--fleet-head must be SEQUENCE:HASH from an earlier verification, got ${head}`);
}

function reading<T>(file: string, what: string, read: (text: string) => T): T {
  try {
    return read(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Error(`${file} must be ${what}: ${(cause as Error).message}`, { cause });
  }
}

function describe(verification: Awaited<ReturnType<typeof auditVerifyOffline>>): string[] {
  const { verified, events, chains, breaks, fleetHead } = verification;
  const summary = `${events} events in ${chains} chains: ${verified ? "all verified" : `${breaks.length} broken`}`;
  const head = fleetHead === null ? [] : [`fleet head: ${fleetHead.sequence}:${fleetHead.hash}`];
  return [summary, ...breaks.map(({ chain, kind, message }) => `  ${chain}: ${kind}: ${message}`), ...head];
}

if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
  console.log(`Usage: ${usage}`);
  process.exit(0);
}
try {
  const { file, json, kept } = readArguments(process.argv.slice(2));
  const verification = await auditVerifyOffline(file, kept);
  console.log(json ? JSON.stringify(verification) : describe(verification).join("\n"));
  process.exitCode = verification.verified ? 0 : 2;
} catch (error) {
  console.error(`Cannot verify: ${error instanceof Error ? error.message : String(error)}\nUsage: ${usage}`);
  process.exitCode = 1;
}
