import { ProblemError } from "../../contract/errors.ts";
import type { Pin } from "../../contract/pin.ts";
import type { RolloutBefore, RolloutChange } from "../../contract/rolloutChange.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { flagGet } from "../../registry/flag.ts";
import { flagOverrideFind } from "../../registry/flagOverride.ts";
import { pinsOf } from "../../registry/pin.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { type PassedBy, rolloutCaughtUp, rolloutsPassedBy } from "../../registry/rolloutPassedBy.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { limits } from "../config/limits.ts";
import { declaredOtherwise } from "../rollout/choose/declared.ts";
import { incompatibleReleases } from "../rollout/choose/incompatible.ts";
import { writeRecord } from "../rollout/drive/before.ts";
import { whyHeld } from "../rollout/drive/facts.ts";
import { changedRecord, keptOverride, restoredRecord } from "../rollout/drive/record.ts";
import { recordRefused, refusedByPolicies, WINDOW_AWAITED } from "../rollout/policies.ts";
import { resolveSome } from "../rollout/preview/specs.ts";
import type { ServiceContext } from "./context.ts";

/**
 * What a target that is wanted again gets of the rollouts that passed it by while it rested: what those that succeeded would have brought it had
 * it run, of each thing the last. Pins, manifests, policies and releases that cannot run with the schema that is there keep it from a
 * target as they would have in the rollout, and what somebody has set since stays as they set it. What was brought and what was not, and why, is
 * in the audit trail of the tenant.
 */
export type CatchingUp = Pick<ServiceContext, "settings" | "policy" | "metrics">;

interface Returning {
  readonly change: Change;
  readonly service: CatchingUp;
  readonly target: Target;
  readonly pin: Pin | undefined;
  readonly brought: string[];
  readonly leftOut: { readonly rolloutId: string; readonly reason: string }[];
}

/** An audit event names no more rollouts than these with what kept them from the target. */
const REASONS_TOLD = 50;

/** The release it comes back on: the one that is `named`, else what it catches up with, else its own goal; null when it has none. */
export async function catchUp(
  change: Change,
  service: CatchingUp,
  target: Target,
  named: number | undefined,
): Promise<number | null> {
  const { targetId, tenantId } = target;
  const pin = (await pinsOf(change.db, [targetId], change.now)).get(targetId);
  const returning: Returning = { change, service, target, pin, brought: [], leftOut: [] };
  const passed = await rolloutsPassedBy(change.db, targetId, limits.catchUpRollouts);
  // Each the last one first.
  const groups = Map.groupBy(passed, ({ rollout }) => keyOf(rollout.change));
  const release = named ?? (await bringRelease(returning, groups.get("release") ?? []));
  // Those whose last is the oldest first, as the rollouts went.
  for (const [key, group] of [...groups].reverse()) {
    if (key !== "release") await bringRecord(returning, group, release);
  }
  const { brought, leftOut } = returning;
  if (brought.length + leftOut.length === 0) return release;
  const details = { brought, leftOut: leftOut.slice(0, REASONS_TOLD) };
  const subject = { type: "target", id: targetId };
  await change.audit({ action: "target.caught_up", target: subject, tenantId, details });
  return release;
}

/** What it changes. */
function keyOf(change: RolloutChange): string {
  if (change.kind === "field") return `field ${change.field}`;
  return change.kind === "flag" ? `flag ${change.flagKey}` : change.kind;
}

const SET_SINCE = "somebody has set something else since";

/** The last release that it can take. What is pinned comes back where it is pinned to. */
async function bringRelease(returning: Returning, group: readonly PassedBy[]): Promise<number | null> {
  const { target, pin, brought } = returning;
  const { targetReleaseNumber, currentReleaseNumber } = target;
  const own = targetReleaseNumber ?? currentReleaseNumber;
  for (const one of group) {
    const { rolloutId, change: what } = one.rollout;
    if (what.kind !== "release" || what.releaseNumber === own) break;
    const isOther = one.had.releaseNumber !== own;
    const why = isOther ? SET_SINCE : await whyNot(returning, one, what.releaseNumber);
    if (why === undefined) {
      brought.push(rolloutId);
      return what.releaseNumber;
    }
    returning.leftOut.push({ rolloutId, reason: why });
    if (isOther) break;
  }
  return pin === undefined ? own : (pin.releaseNumber ?? currentReleaseNumber ?? own);
}

/** Written on the tenant at once, as a rollout does: all of its targets have it, also when this one does not come back. */
async function bringRecord(
  returning: Returning,
  group: readonly PassedBy[],
  release: number | null,
): Promise<void> {
  const { change, target, brought, leftOut } = returning;
  const { tenantId } = target;
  for (const [place, one] of group.entries()) {
    const { rolloutId, change: what } = one.rollout;
    const { isThere, isOther } = await compared(change, tenantId, what, one.had);
    if (isThere) return;
    const why = isOther ? SET_SINCE : await whyNot(returning, one, release);
    if (why === undefined) {
      const refused = await written(change, what, tenantId, rolloutId);
      if (refused !== undefined) {
        leftOut.push({ rolloutId, reason: refused });
        continue;
      }
      for (const { rollout } of group.slice(place))
        await rolloutCaughtUp(change, rollout.rolloutId, tenantId);
      brought.push(rolloutId);
      return;
    }
    leftOut.push({ rolloutId, reason: why });
    if (isOther) return;
  }
}

/** Undefined when it is; else why the record cannot be so: the plan does not offer the tenant's isolation, say. Nothing is written then. */
async function written(
  change: Change,
  what: RolloutChange,
  tenantId: string,
  rolloutId: string,
): Promise<string | undefined> {
  try {
    await writeRecord(change, what, tenantId, `rollout ${rolloutId}, which had passed it by`);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    return thrown.message;
  }
}

/** What is recorded now beside what the rollout would bring, and what it found. */
async function compared(
  change: Change,
  tenantId: string,
  what: RolloutChange,
  had: RolloutBefore,
): Promise<{ readonly isThere: boolean; readonly isOther: boolean }> {
  if (what.kind === "flag") {
    const now = keptOverride(await flagOverrideFind(change.db, what.flagKey, tenantId, change.now)) ?? null;
    const isOver = had.flag?.expiresAt != null && had.flag.expiresAt <= change.now;
    const then = isOver ? null : (had.flag ?? null);
    const isThere = now?.enabled === what.enabled && now.expiresAt === null;
    return { isThere, isOther: !sameOverride(now, then) };
  }
  const tenant = await tenantGet(change.db, tenantId);
  const isThere = sameRecord(changedRecord(tenant, what), tenant);
  return { isThere, isOther: !sameRecord(restoredRecord(tenant, what, had), tenant) };
}

/** The order of settings says nothing. */
function sameRecord(left: Tenant, right: Tenant): boolean {
  return canonicalJson(left) === canonicalJson(right);
}

function sameOverride(left: Override, right: Override): boolean {
  if (left === null || right === null) return left === right;
  return left.enabled === right.enabled && left.reason === right.reason && left.expiresAt === right.expiresAt;
}
type Override = NonNullable<RolloutBefore["flag"]> | null;

/** What would have kept the rollout from the target. */
async function whyNot(
  { change, service, target, pin }: Returning,
  { rollout }: PassedBy,
  release: number | null,
): Promise<string | undefined> {
  const { db } = change;
  const { targetId, tenantId, planeName, currentReleaseNumber } = target;
  const { change: what } = rollout;
  const stays =
    (pin && whyHeld(pin, what, currentReleaseNumber)) ??
    (await declaredOtherwise(db, what, [tenantId])).get(tenantId) ??
    (await impossible(db, service, what, target, release));
  if (stays !== undefined) return stays;
  const asked = { tenantId, planeName, toReleaseNumber: release };
  const refused = await refusedByPolicies(db, service, rollout, asked, WINDOW_AWAITED);
  if (refused === undefined) return undefined;
  await recordRefused(change, service, rollout, { tenantId, targetId, planeName }, refused);
  return refused.reason;
}

async function impossible(
  db: Reader,
  { settings }: CatchingUp,
  what: RolloutChange,
  { targetId, currentReleaseNumber }: Target,
  release: number | null,
): Promise<string | undefined> {
  if (what.kind === "release") {
    return (await incompatibleReleases(db, what, [{ currentReleaseNumber }])).get(currentReleaseNumber ?? 0);
  }
  if (what.kind === "flag")
    return (await flagGet(db, what.flagKey)).archivedAt === null ? undefined : ARCHIVED;
  const [resolved] = await resolveSome(db, settings, what, [{ targetId, toReleaseNumber: release }]);
  return resolved?.problem;
}

const ARCHIVED = "the flag is archived";
