import { existsSync } from "node:fs";
import { Kysely } from "kysely";
import type { AuditBreak, AuditVerification } from "../contract/audit.ts";
import { auditVerify, eventsOf } from "./audit.ts";
import { type ChainHead, FLEET_CHAIN } from "./auditChain.ts";
import { auditExport } from "./auditExport.ts";
import { type LinesOptions, LinesVerifier } from "./auditLines.ts";
import { postgresReaderDialect } from "./dialect/postgres.ts";
import { sqliteReaderDialect } from "./dialect/sqlite.ts";
import { namingPlugin } from "./naming.ts";
import type { Schema } from "./schema.ts";

/**
 * Verifies the audit trail of a registry that no service needs to run for: a SQLite file, such as a backup, or a PostgreSQL
 * database by its `postgres://` URL. Writes nothing. Held against a checkpoint, or a fleet head, that was kept elsewhere, even
 * chains rewritten from their first event are found.
 */
export async function auditVerifyOffline(
  place: string,
  kept: { readonly fleetHead?: ChainHead | undefined } & Pick<LinesOptions, "checkpoints" | "keys"> = {},
): Promise<AuditVerification> {
  const db = new Kysely<Schema>({ dialect: dialectFor(place), plugins: [namingPlugin()] });
  try {
    const verification = await auditVerify(db).catch((cause: unknown) => {
      throw new Error(`${placeOf(place)} must be a registry that can be read: ${textOf(cause)}`, { cause });
    });
    const { fleetHead, checkpoints = [], keys } = kept;
    const more = [
      ...(fleetHead === undefined ? [] : await breaksAgainstHead(db, fleetHead)),
      ...(checkpoints.length === 0 && keys === undefined
        ? []
        : await breaksAgainst(db, { checkpoints, keys })),
    ];
    const known = new Set(verification.breaks.map(nameOf));
    const breaks = [...verification.breaks, ...more.filter((one) => !known.has(nameOf(one)))];
    return { ...verification, verified: breaks.length === 0, breaks };
  } finally {
    await db.destroy();
  }
}

function nameOf({ chain, sequence, kind }: AuditBreak): string {
  return `${chain}/${sequence}/${kind}`;
}

/** Without the password that a URL may hold. */
function placeOf(place: string): string {
  return URL.canParse(place) ? `the database at ${new URL(place).host}` : place;
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function dialectFor(place: string) {
  if (/^postgres(ql)?:\/\//.test(place)) return postgresReaderDialect(place);
  if (existsSync(place)) return sqliteReaderDialect(place);
  throw new Error(`${place} must be a registry's file, and nothing is there.`);
}

async function breaksAgainst(db: Kysely<Schema>, options: LinesOptions): Promise<readonly AuditBreak[]> {
  const verifier = new LinesVerifier(options);
  const everything = { chain: "all", limit: Number.MAX_SAFE_INTEGER };
  for await (const line of auditExport(db, everything, new Date().toISOString())) verifier.add(line);
  return verifier.end().breaks;
}

async function breaksAgainstHead(
  db: Kysely<Schema>,
  { sequence, hash }: ChainHead,
): Promise<readonly AuditBreak[]> {
  let found: string | undefined;
  for await (const event of eventsOf(db, FLEET_CHAIN, sequence)) {
    if (event.sequence === sequence) found = event.hash;
  }
  if (found === hash) return [];
  const [kind, message] =
    found === undefined
      ? (["truncated", `event ${sequence}, the end of an earlier verification, is gone`] as const)
      : (["edited", `event ${sequence} is not the one an earlier verification ended on`] as const);
  return [{ chain: FLEET_CHAIN, sequence, kind, message }];
}
