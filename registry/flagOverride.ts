import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import type { FlagOverride } from "../contract/flag.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { FlagOverrideTable } from "./schema.ts";
import { refuseOtherVersion } from "./tenantProblem.ts";

/** What single tenants have instead of what a flag's rules say. */
export interface FlagOverrideOptions {
  readonly reason?: string | null | undefined;
  readonly expiresAt?: string | null | undefined;
  /** Why it is set, when that is not why it is there: for the audit log. */
  readonly because?: string | undefined;
  /** From If-Match: the change is refused when the override has another version; none has version 0. */
  readonly expectedVersion?: number | undefined;
}

/** Takes the place of an earlier one. Audits `flag.override_set` on the tenant's chain. */
export async function flagOverrideSet(
  change: Change,
  flagKey: string,
  tenantId: string,
  enabled: boolean,
  { reason = null, expiresAt = null, because, expectedVersion }: FlagOverrideOptions = {},
): Promise<FlagOverride> {
  const before = await flagOverrideFind(change.db, flagKey, tenantId);
  refuseOtherVersion("override", before ?? { recordVersion: 0 }, expectedVersion);
  const row: Selectable<FlagOverrideTable> = {
    ...{ flagKey, tenantId, value: enabled ? "on" : "off", expiresAt },
    reason: reason === null ? null : redactText(reason),
    recordVersion: (before?.recordVersion ?? 0) + 1,
    createdBy: change.context.actor.id,
    createdAt: change.now,
  };
  await change.db
    .insertInto("flagOverrides")
    .values(row)
    .onConflict((conflict) => conflict.columns(["flagKey", "tenantId"]).doUpdateSet(row))
    .execute();
  const details = { enabled, expiresAt, before: before?.enabled ?? null };
  await announce(change, "flag.override_set", { ...row, reason: because ?? reason }, details);
  return fromRow(row, change.now);
}

/** Audits `flag.override_removed`; nothing to remove writes nothing. */
export async function flagOverrideRemove(
  change: Change,
  flagKey: string,
  tenantId: string,
  reason: string | null = null,
  expectedVersion?: number,
): Promise<FlagOverride | undefined> {
  const before = await flagOverrideFind(change.db, flagKey, tenantId, change.now);
  if (before === undefined) return undefined;
  refuseOtherVersion("override", before, expectedVersion);
  await change.db
    .deleteFrom("flagOverrides")
    .where("flagKey", "=", flagKey)
    .where("tenantId", "=", tenantId)
    .execute();
  await announce(change, "flag.override_removed", { flagKey, tenantId, reason }, { before: before.enabled });
  return before;
}

export async function flagOverrideFind(
  db: Reader,
  flagKey: string,
  tenantId: string,
  now: string = new Date().toISOString(),
): Promise<FlagOverride | undefined> {
  return (await flagOverridesOf(db, flagKey, [tenantId], now)).get(tenantId);
}

const IDS_PER_QUERY = 5_000;

/** A flag's override of each of the tenants, expired ones too: a rollout keeps them to put them back as they were. */
export async function flagOverridesOf(
  db: Reader,
  flagKey: string,
  tenantIds: readonly string[],
  now: string = new Date().toISOString(),
): Promise<Map<string, FlagOverride>> {
  const found = new Map<string, FlagOverride>();
  for (let from = 0; from < tenantIds.length; from += IDS_PER_QUERY) {
    const rows = await db
      .selectFrom("flagOverrides")
      .selectAll()
      .where("flagKey", "=", flagKey)
      .where("tenantId", "in", tenantIds.slice(from, from + IDS_PER_QUERY))
      .execute();
    for (const row of rows) found.set(row.tenantId, fromRow(row, now));
  }
  return found;
}

/** A tenant's overrides in force, by flag. */
export async function flagOverridesOfTenant(
  db: Reader,
  tenantId: string,
  now: string,
): Promise<Map<string, FlagOverride>> {
  const rows = await db
    .selectFrom("flagOverrides")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .where((eb) => eb.or([eb("expiresAt", "is", null), eb("expiresAt", ">", now)]))
    .execute();
  return new Map(rows.map((row) => [row.flagKey, fromRow(row, now)]));
}

/** By tenant id, expired ones marked. */
export async function flagOverrideList(
  db: Reader,
  flagKey: string,
  page: PageRequest,
  now: string,
): Promise<Page<FlagOverride>> {
  let rows = db.selectFrom("flagOverrides").selectAll().where("flagKey", "=", flagKey);
  if (page.cursor) rows = rows.where("tenantId", ">", pageAfter(page.cursor)[1]);
  const found = await rows
    .orderBy("tenantId")
    .limit(page.limit + 1)
    .execute();
  return toPage(
    found,
    page.limit,
    (row) => fromRow(row, now),
    (row) => [row.createdAt, row.tenantId],
  );
}

async function announce(
  change: Change,
  action: string,
  about: Pick<FlagOverrideTable, "flagKey" | "tenantId" | "reason">,
  details: Record<string, unknown>,
): Promise<void> {
  const { flagKey, tenantId, reason } = about;
  await change.audit({ action, target: { type: "flag", id: flagKey }, tenantId, reason, details });
  await change.outbox({ type: action, tenantId, payload: { flagKey, tenantId, ...details } });
}

function fromRow({ value, ...row }: Selectable<FlagOverrideTable>, now: string): FlagOverride {
  return { ...row, enabled: value === "on", expired: row.expiresAt !== null && row.expiresAt <= now };
}
