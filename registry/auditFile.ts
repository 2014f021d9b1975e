import { existsSync } from "node:fs";
import { Kysely } from "kysely";
import type { AuditVerification } from "../contract/audit.ts";
import { auditVerify } from "./audit.ts";
import { sqliteReaderDialect } from "./dialect/sqlite.ts";
import { namingPlugin } from "./migrate.ts";
import type { Schema } from "./schema.ts";

/** Verifies the audit trail of a registry file that no service needs to run for, such as a backup. Writes nothing. */
export async function auditVerifyFile(file: string): Promise<AuditVerification> {
  if (!existsSync(file))
    throw new Error(`Cannot verify ${file}: it must be a registry's file, got nothing there.`);
  const db = new Kysely<Schema>({ dialect: sqliteReaderDialect(file), plugins: [namingPlugin()] });
  try {
    return await auditVerify(db);
  } finally {
    await db.destroy();
  }
}
