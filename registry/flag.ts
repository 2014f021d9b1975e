import type { Selectable } from "kysely";
import type { Change, Reader } from "./registry.ts";
import type { FlagOverrideTable } from "./schema.ts";

export interface FlagOverride {
  readonly flagKey: string;
  readonly tenantId: string;
  readonly enabled: boolean;
  readonly reason: string | null;
  readonly expiresAt: string | null;
  readonly createdBy: string;
  readonly createdAt: string;
}

export interface FlagOverrideOptions {
  readonly reason?: string | null;
  readonly expiresAt?: string | null;
}

/** Takes the place of an earlier one. Audits `flag.override_set` on the tenant's chain. */
export async function flagOverrideSet(
  change: Change,
  flagKey: string,
  tenantId: string,
  enabled: boolean,
  { reason = null, expiresAt = null }: FlagOverrideOptions = {},
): Promise<FlagOverride> {
  const value: FlagOverrideTable["value"] = enabled ? "on" : "off";
  const row = {
    ...{ flagKey, tenantId, value, reason, expiresAt },
    createdBy: change.context.actor.id,
    createdAt: change.now,
  };
  const before = await flagOverrideFind(change.db, flagKey, tenantId);
  await change.db
    .insertInto("flagOverrides")
    .values(row)
    .onConflict((conflict) => conflict.columns(["flagKey", "tenantId"]).doUpdateSet(row))
    .execute();
  await announce(change, "flag.override_set", flagKey, tenantId, reason, {
    enabled,
    expiresAt,
    before: before?.enabled ?? null,
  });
  return fromRow(row);
}

/** Audits `flag.override_removed`; nothing to remove writes nothing. */
export async function flagOverrideRemove(
  change: Change,
  flagKey: string,
  tenantId: string,
  reason: string | null = null,
): Promise<FlagOverride | undefined> {
  const before = await flagOverrideFind(change.db, flagKey, tenantId);
  if (before === undefined) return undefined;
  await change.db
    .deleteFrom("flagOverrides")
    .where("flagKey", "=", flagKey)
    .where("tenantId", "=", tenantId)
    .execute();
  await announce(change, "flag.override_removed", flagKey, tenantId, reason, { before: before.enabled });
  return before;
}

export async function flagOverrideFind(
  db: Reader,
  flagKey: string,
  tenantId: string,
): Promise<FlagOverride | undefined> {
  const row = await db
    .selectFrom("flagOverrides")
    .selectAll()
    .where("flagKey", "=", flagKey)
    .where("tenantId", "=", tenantId)
    .executeTakeFirst();
  return row && fromRow(row);
}

const IDS_PER_QUERY = 5_000;

/** The override of each of the tenants, expired ones too: a rollout keeps them to put them back as they were. */
export async function flagOverridesOf(
  db: Reader,
  flagKey: string,
  tenantIds: readonly string[],
): Promise<Map<string, FlagOverride>> {
  const found = new Map<string, FlagOverride>();
  for (let from = 0; from < tenantIds.length; from += IDS_PER_QUERY) {
    const rows = await db
      .selectFrom("flagOverrides")
      .selectAll()
      .where("flagKey", "=", flagKey)
      .where("tenantId", "in", tenantIds.slice(from, from + IDS_PER_QUERY))
      .execute();
    for (const row of rows) found.set(row.tenantId, fromRow(row));
  }
  return found;
}

async function announce(
  change: Change,
  action: string,
  flagKey: string,
  tenantId: string,
  reason: string | null,
  details: Record<string, unknown>,
): Promise<void> {
  await change.audit({ action, target: { type: "flag", id: flagKey }, tenantId, reason, details });
  await change.outbox({ type: action, tenantId, payload: { flagKey, tenantId, ...details } });
}

function fromRow({ value, ...row }: Selectable<FlagOverrideTable>): FlagOverride {
  return { ...row, enabled: value === "on" };
}
