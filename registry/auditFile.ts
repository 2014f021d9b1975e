import { existsSync } from "node:fs";
import { Kysely } from "kysely";
import type { AuditVerification } from "../contract/audit.ts";
import { auditVerify, eventsOf } from "./audit.ts";
import { type ChainHead, FLEET_CHAIN } from "./auditChain.ts";
import { postgresReaderDialect } from "./dialect/postgres.ts";
import { sqliteReaderDialect } from "./dialect/sqlite.ts";
import { namingPlugin } from "./naming.ts";
import type { Schema } from "./schema.ts";

/**
 * Verifies the audit trail of a registry that no service needs to run for: a SQLite file, such as a backup, or a PostgreSQL
 * database by its `postgres://` URL. Writes nothing. Held against a fleet head that an earlier verification gave and that was
 * kept elsewhere, even a chain rewritten from its first event is found.
 */
export async function auditVerifyOffline(place: string, fleetHead?: ChainHead): Promise<AuditVerification> {
  const db = new Kysely<Schema>({ dialect: dialectFor(place), plugins: [namingPlugin()] });
  try {
    const verification = await auditVerify(db).catch((cause: unknown) => {
      throw new Error(`${placeOf(place)} must be a registry that can be read: ${textOf(cause)}`, { cause });
    });
    return fleetHead === undefined ? verification : await holdAgainst(db, verification, fleetHead);
  } finally {
    await db.destroy();
  }
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

async function holdAgainst(
  db: Kysely<Schema>,
  verification: AuditVerification,
  { sequence, hash }: ChainHead,
): Promise<AuditVerification> {
  let found: string | undefined;
  for await (const event of eventsOf(db, FLEET_CHAIN, sequence)) {
    if (event.sequence === sequence) found = event.hash;
  }
  if (found === hash) return verification;
  const [kind, message] =
    found === undefined
      ? (["truncated", `event ${sequence}, the end of an earlier verification, is gone`] as const)
      : (["edited", `event ${sequence} is not the one an earlier verification ended on`] as const);
  const breaks = [...verification.breaks, { chain: FLEET_CHAIN, sequence, kind, message }];
  return { ...verification, verified: false, breaks };
}
