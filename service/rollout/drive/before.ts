import type { Rollout, RolloutTarget } from "../../../contract/rollout.ts";
import type { RolloutChange } from "../../../contract/rolloutChange.ts";
import type { Target } from "../../../contract/target.ts";
import { flagGet, refuseArchived } from "../../../registry/flag.ts";
import { flagOverrideFind, flagOverrideSet } from "../../../registry/flagOverride.ts";
import type { Change } from "../../../registry/registry.ts";
import { rolloutBeforeSet, rolloutTargetsOfTenant } from "../../../registry/rolloutTarget.ts";
import { tenantGet, tenantWrite } from "../../../registry/tenant.ts";
import { changedRecord, fieldOf, keptOverride } from "./record.ts";

/**
 * Writes what a rollout changes of a tenant's record, and keeps what was there: not what was there when the rollout was made, as much may
 * have been set between the two, and rolling back restores exactly what the rollout has overwritten.
 */
type Before = RolloutTarget["before"];
type Part = Pick<Before, "plan" | "planVersion" | "field" | "flag">;

export interface Recorded {
  /** Whether there was anything to change. */
  readonly changed: boolean;
  /** What a rollback of the target goes back to. */
  readonly before: Before;
}

/** Audited on the tenant's chain like anybody's edit. */
export async function applyRecord(change: Change, rollout: Rollout, row: RolloutTarget): Promise<Recorded> {
  const why = rollout.reason ?? `rollout ${rollout.rolloutId}`;
  const written = await writeRecord(change, rollout.change, row.tenantId, why);
  if (written === undefined) return { changed: false, before: row.before };
  return { changed: written.changed, before: await keep(change, rollout, row, written) };
}

export interface Written {
  readonly changed: boolean;
  readonly part: Part;
}

/** Undefined when it is no change of the record. */
export async function writeRecord(
  change: Change,
  what: RolloutChange,
  tenantId: string,
  why: string,
): Promise<Written | undefined> {
  if (what.kind === "flag") {
    refuseArchived(await flagGet(change.db, what.flagKey));
    const before = await flagOverrideFind(change.db, what.flagKey, tenantId, change.now);
    const part = { flag: keptOverride(before) };
    // One that expires, or has, would not last as long as the rollout's is to.
    if (before?.enabled === what.enabled && before.expiresAt === null) return { changed: false, part };
    await flagOverrideSet(change, what.flagKey, tenantId, what.enabled, { reason: why });
    return { changed: true, part };
  }
  if (what.kind !== "plan" && what.kind !== "field") return undefined;
  const before = await tenantGet(change.db, tenantId);
  const { plan, planVersion } = before;
  const part = what.kind === "plan" ? { plan, planVersion } : { field: fieldOf(before, what.field) };
  const after = await tenantWrite(change, before, changedRecord(before, what), "tenant.updated", why);
  return { changed: after.recordVersion !== before.recordVersion, part };
}

/**
 * All targets of the tenant share what is kept, as any of them may be the first to be taken back. Where nothing had to be changed, the
 * rollout itself may have done so, for another of them or in an earlier attempt; else somebody did, and it stays.
 */
async function keep(
  change: Change,
  { rolloutId }: Rollout,
  row: RolloutTarget,
  { changed, part }: Written,
): Promise<Before> {
  const before = { ...row.before, ...part };
  if (JSON.stringify(sorted(before)) === JSON.stringify(sorted(row.before))) return row.before;
  const rows = await rolloutTargetsOfTenant(change.db, rolloutId, row.tenantId);
  if (!changed && rows.some(({ attempt }) => attempt > 0)) return row.before;
  for (const one of rows) await rolloutBeforeSet(change, rolloutId, one.targetId, { ...one.before, ...part });
  return before;
}

function sorted({ plan, field, flag }: Part): readonly unknown[] {
  return [plan, field, flag && [flag.enabled, flag.reason, flag.expiresAt]];
}

/** Somebody may have deployed another release since the rollout was made. */
export async function keepRelease(
  change: Change,
  { rolloutId, change: what }: Rollout,
  { targetId, attempt, before }: RolloutTarget,
  { verifiedReleaseNumber, currentReleaseNumber, currentSpecDigest }: Target,
): Promise<void> {
  const releaseNumber = verifiedReleaseNumber ?? currentReleaseNumber;
  if (what.kind !== "release" || attempt > 0 || releaseNumber === before.releaseNumber) return;
  const now = { ...before, releaseNumber, specDigest: currentSpecDigest };
  await rolloutBeforeSet(change, rolloutId, targetId, now);
}
