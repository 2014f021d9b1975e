/**
 * `script/audit verify FILE [--fleet-head SEQUENCE:HASH]`: verifies the hash chains of a registry file, or of a copy of
 * one, without the service and without writing to it. Prints the verification as one JSON line. Exit codes: 0 verified,
 * 2 a chain is broken, 1 it could not be verified.
 */
import { parseArgs } from "node:util";
import Database from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import type { AuditVerification } from "../contract/audit.ts";
import { auditVerify, eventsOf } from "./audit.ts";
import { FLEET_CHAIN } from "./auditChain.ts";
import { namingPlugin } from "./migrate.ts";
import type { Schema } from "./schema.ts";

const usage = "script/audit verify FILE [--fleet-head SEQUENCE:HASH]";

interface Command {
  readonly file: string;
  readonly fleetHead: { readonly sequence: number; readonly hash: string } | undefined;
}

function readCommand(args: string[]): Command {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { "fleet-head": { type: "string" } },
  });
  const [verb, file] = positionals;
  if (verb !== "verify" || file === undefined || positionals.length !== 2) {
    throw new Error(`Cannot verify: the command must be \`${usage}\`, got \`${args.join(" ")}\``);
  }
  const head = values["fleet-head"];
  if (head === undefined) return { file, fleetHead: undefined };
  const parts = /^(\d+):([0-9a-f]{64})$/.exec(head);
  if (parts?.[2] === undefined) {
    throw new Error(
      `Cannot verify: --fleet-head must be SEQUENCE:HASH as an earlier verification gave it, got ${head}`,
    );
  }
  return { file, fleetHead: { sequence: Number(parts[1]), hash: parts[2] } };
}

/** Adds a break when the event an earlier verification ended on is no longer what it was. */
async function holdAgainst(
  db: Kysely<Schema>,
  verification: AuditVerification,
  fleetHead: { readonly sequence: number; readonly hash: string },
): Promise<AuditVerification> {
  let found: string | undefined;
  for await (const event of eventsOf(db, FLEET_CHAIN, fleetHead.sequence)) {
    if (event.sequence === fleetHead.sequence) found = event.hash;
  }
  if (found === fleetHead.hash) return verification;
  const message = `event ${fleetHead.sequence} is ${found === undefined ? "gone" : "another one"} than at the earlier verification`;
  const kind = found === undefined ? "truncated" : "edited";
  return {
    ...verification,
    verified: false,
    breaks: [...verification.breaks, { chain: FLEET_CHAIN, sequence: fleetHead.sequence, kind, message }],
  };
}

async function verifyFile({ file, fleetHead }: Command): Promise<AuditVerification> {
  const database = new Database(file, { readonly: true, fileMustExist: true });
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }), plugins: [namingPlugin()] });
  try {
    const verification = await auditVerify(db);
    return fleetHead === undefined ? verification : await holdAgainst(db, verification, fleetHead);
  } finally {
    await db.destroy();
  }
}

try {
  const verification = await verifyFile(readCommand(process.argv.slice(2)));
  process.stdout.write(`${JSON.stringify(verification)}\n`);
  process.exitCode = verification.verified ? 0 : 2;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nUsage: ${usage}\n`);
  process.exitCode = 1;
}
