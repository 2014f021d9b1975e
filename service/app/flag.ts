import { createHash } from "node:crypto";
import type { Page, PageRequest } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type {
  Flag,
  FlagCreate,
  FlagListQuery,
  FlagOverride,
  FlagOverrideSet,
  FlagUpdate,
  TenantFlags,
} from "../../contract/flag.ts";
import { evaluateFlag } from "../../contract/flagEvaluation.ts";
import type { Target } from "../../contract/target.ts";
import * as registry from "../../registry/flag.ts";
import * as overrides from "../../registry/flagOverride.ts";
import type { Change } from "../../registry/registry.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { targetMissing } from "./lifecycleTargets.ts";
import { refusePast } from "./refusePast.ts";

export async function flagCreate(context: RequestContext, input: FlagCreate): Promise<Flag> {
  await authorize(context, "flagCreate");
  return changeAs(context, (change) => registry.flagCreate(change, input));
}

export async function flagList(context: RequestContext, query: FlagListQuery): Promise<Page<Flag>> {
  await authorize(context, "flagList");
  return context.registry.read((db) => registry.flagList(db, query));
}

export async function flagGet(context: RequestContext, flagKey: string): Promise<Flag> {
  await authorize(context, "flagGet");
  return context.registry.read((db) => registry.flagGet(db, flagKey));
}

export async function flagUpdate(
  context: RequestContext,
  flagKey: string,
  update: FlagUpdate,
  expectedVersion: number | undefined,
): Promise<Flag> {
  await authorize(context, "flagUpdate");
  return changeAs(context, (change) => registry.flagUpdate(change, flagKey, update, { expectedVersion }));
}

export async function flagArchive(
  context: RequestContext,
  flagKey: string,
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<Flag> {
  await authorize(context, "flagArchive");
  return changeAs(context, (change) => registry.flagArchive(change, flagKey, reason, { expectedVersion }));
}

interface OverridePlace {
  readonly flagKey: string;
  readonly tenantId: string;
}

export async function flagOverrideSet(
  context: RequestContext,
  { flagKey, tenantId }: OverridePlace,
  { enabled, expiresAt, reason }: FlagOverrideSet,
  expectedVersion: number | undefined,
): Promise<FlagOverride> {
  await authorize(context, "flagOverrideSet", tenantId);
  const setting = async (change: Change) => {
    await tenantGet(change.db, tenantId);
    registry.refuseArchived(await registry.flagGet(change.db, flagKey));
    refusePast(expiresAt, change.now);
    const options = { reason, expiresAt, expectedVersion };
    return overrides.flagOverrideSet(change, flagKey, tenantId, enabled, options);
  };
  return changeAs(context, setting, { tenantId });
}

export async function flagOverrideRemove(
  context: RequestContext,
  { flagKey, tenantId }: OverridePlace,
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<FlagOverride> {
  await authorize(context, "flagOverrideRemove", tenantId);
  const work = async (change: Change) => {
    await registry.flagGet(change.db, flagKey);
    const removing = overrides.flagOverrideRemove;
    const removed = await removing(change, flagKey, tenantId, reason ?? null, expectedVersion);
    if (removed !== undefined) return removed;
    throw new ProblemError("flag_override_not_found", {
      detail: `Cannot remove the override: tenant ${tenantId} must have one of ${flagKey}, and has none.`,
      hint: `List them with GET /v1/control-plane/flags/${flagKey}/overrides.`,
      errors: [{ path: "path.tenantId", message: "has no override", value: tenantId }],
    });
  };
  return changeAs(context, work, { tenantId });
}

export async function flagOverrideList(
  context: RequestContext,
  flagKey: string,
  page: PageRequest,
): Promise<Page<FlagOverride>> {
  await authorize(context, "flagOverrideList");
  return context.registry.read(async (db) => {
    await registry.flagGet(db, flagKey);
    return overrides.flagOverrideList(db, flagKey, page, new Date().toISOString());
  });
}

/** Archived flags are left out: what asks for one that is not there takes its own default. */
export async function tenantFlags(
  context: RequestContext,
  tenantId: string,
  plane: string | undefined,
): Promise<TenantFlags> {
  await authorize(context, "tenantFlags", tenantId);
  return context.registry.read(async (db) => {
    const { slug, plan, labels, status } = await tenantGet(db, tenantId);
    const place = placeOf(await targetsOfTenant(db, tenantId), plane);
    const subject = {
      ...{ tenantId, plan, labels, status },
      planeName: place?.planeName ?? null,
      region: place?.region ?? null,
      environment: place?.environment ?? null,
    };
    const inForce = await overrides.flagOverridesOfTenant(db, tenantId, new Date().toISOString());
    const flags = (await registry.flagsLive(db)).map((flag) => ({
      flagKey: flag.flagKey,
      ...evaluateFlag(flag, subject, inForce.get(flag.flagKey)),
    }));
    return { tenantId, slug, planeName: subject.planeName, flags };
  });
}

/** The only target speaks for the tenant; of several the one that is named. */
function placeOf(targets: readonly Target[], plane: string | undefined): Target | undefined {
  if (plane === undefined) return targets.length === 1 ? targets[0] : undefined;
  const named = targets.find(({ planeName }) => planeName === plane);
  if (named === undefined) throw targetMissing(targets, plane);
  return named;
}

export function flagsEtag(flags: TenantFlags): string {
  return `"${createHash("sha256").update(JSON.stringify(flags)).digest("base64url").slice(0, 27)}"`;
}
