import type { Selectable } from "kysely";
import type { EntitlementSet } from "../contract/entitlement.ts";
import { type EntitlementOverrideRule, isInForce } from "../contract/entitlementEvaluation.ts";
import type { OnStale } from "../contract/plan.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { EntitlementOverrideTable } from "./schema.ts";

/** What single tenants may do whatever their plan says. One that has ended is deleted; the audit chain keeps it. */
export interface EntitlementOverride extends EntitlementOverrideRule {
  readonly reason: string;
  readonly updatedBy: string;
  readonly updatedAt: string;
}

/** Takes the place of an earlier one; audits `entitlement.override_set`. False when it was so already, and nothing was written. */
export async function entitlementOverrideSet(
  change: Change,
  tenantId: string,
  wish: EntitlementSet,
): Promise<boolean> {
  const { capabilityKey, enabled, expiresAt, onStale } = wish;
  const reason = redactText(wish.reason);
  const before = await entitlementOverrideFind(change.db, tenantId, capabilityKey);
  if (before !== undefined && isSame(before, { ...wish, reason })) return false;
  const row: Selectable<EntitlementOverrideTable> = {
    ...{ tenantId, capabilityKey, value: enabled ? "on" : "off", onStale, reason, expiresAt },
    updatedBy: change.context.actor.id,
    updatedAt: change.now,
  };
  await change.db
    .insertInto("entitlementOverrides")
    .values(row)
    .onConflict((conflict) => conflict.columns(["tenantId", "capabilityKey"]).doUpdateSet(row))
    .execute();
  const was = before === undefined ? null : { enabled: before.enabled, expiresAt: before.expiresAt };
  await audited(change, "entitlement.override_set", tenantId, reason, {
    ...{ capabilityKey, enabled, expiresAt, onStale, before: was },
  });
  return true;
}

function isSame(before: EntitlementOverride, wish: EntitlementSet): boolean {
  const { enabled, expiresAt, onStale, reason } = wish;
  return (
    before.enabled === enabled &&
    before.expiresAt === expiresAt &&
    before.onStale === onStale &&
    before.reason === reason
  );
}

/** Audits `entitlement.override_removed`; nothing to remove writes nothing. */
export async function entitlementOverrideRemove(
  change: Change,
  tenantId: string,
  capabilityKey: string,
  reason?: string,
): Promise<EntitlementOverride | undefined> {
  const before = await entitlementOverrideFind(change.db, tenantId, capabilityKey);
  if (before === undefined) return undefined;
  await remove(change, tenantId, before);
  const { enabled, expiresAt } = before;
  await audited(change, "entitlement.override_removed", tenantId, reason ?? null, {
    ...{ capabilityKey, before: { enabled, expiresAt } },
  });
  return before;
}

/** Deletes those that have ended; audits `entitlement.override_expired` for each. */
export async function entitlementOverridesExpire(change: Change, tenantId: string): Promise<void> {
  for (const override of await entitlementOverrides(change.db, tenantId)) {
    if (isInForce(override, change.now)) continue;
    await remove(change, tenantId, override);
    const { capabilityKey, enabled, expiresAt, reason } = override;
    const details = { capabilityKey, before: { enabled, expiresAt } };
    await audited(change, "entitlement.override_expired", tenantId, reason, details);
  }
}

async function remove(
  change: Change,
  tenantId: string,
  { capabilityKey }: EntitlementOverride,
): Promise<void> {
  await change.db
    .deleteFrom("entitlementOverrides")
    .where("tenantId", "=", tenantId)
    .where("capabilityKey", "=", capabilityKey)
    .execute();
}

/** By key; never more than there are capabilities. */
export async function entitlementOverrides(db: Reader, tenantId: string): Promise<EntitlementOverride[]> {
  const rows = await db
    .selectFrom("entitlementOverrides")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .orderBy("capabilityKey")
    .execute();
  return rows.map(fromRow);
}

async function entitlementOverrideFind(
  db: Reader,
  tenantId: string,
  capabilityKey: string,
): Promise<EntitlementOverride | undefined> {
  const row = await db
    .selectFrom("entitlementOverrides")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .where("capabilityKey", "=", capabilityKey)
    .executeTakeFirst();
  return row && fromRow(row);
}

async function audited(
  change: Change,
  action: string,
  tenantId: string,
  reason: string | null,
  details: Record<string, unknown>,
): Promise<void> {
  await change.audit({ action, target: { type: "tenant", id: tenantId }, tenantId, reason, details });
}

function fromRow(row: Selectable<EntitlementOverrideTable>): EntitlementOverride {
  const { value, onStale, tenantId: _tenantId, ...rest } = row;
  return { ...rest, enabled: value === "on", onStale: onStale as OnStale | null };
}
