import { ProblemError } from "../contract/errors.ts";
import { QUOTA_KEYS, QUOTAS, type QuotaAnswer, type QuotaKey, type QuotaState } from "../contract/quota.ts";
import { planFind } from "./plan.ts";
import { type QuotaLimit, quotaLimitsOf } from "./quotaLimit.ts";
import type { Reader } from "./registry.ts";
import { tenantGet } from "./tenant.ts";
import { fromSteps } from "./usageQuantity.ts";
import { windowBefore, windowEnd, windowStart } from "./usageWindow.ts";

/** How much of its quotas a tenant uses, computed from what is there now: nothing is kept that could go stale. */

interface Subject {
  readonly tenantId: string;
  readonly plan: string;
  readonly planVersion: number;
}

export async function tenantQuotas(db: Reader, tenantId: string, now: string): Promise<QuotaState[]> {
  const tenant = await tenantGet(db, tenantId);
  const limits = (await quotaLimitsOf(db, [tenant], now)).get(tenantId);
  const states: QuotaState[] = [];
  for (const quota of QUOTA_KEYS) {
    if (limits !== undefined) states.push(await stateOf(db, tenant, quota, limits[quota], now));
  }
  return states;
}

/** Whether the tenant may use so much more. */
export async function quotaAsk(
  db: Reader,
  tenantId: string,
  quota: QuotaKey,
  wanted: number,
  now: string,
): Promise<QuotaAnswer> {
  const tenant = await tenantGet(db, tenantId);
  const limit = (await quotaLimitsOf(db, [tenant], now)).get(tenantId)?.[quota] ?? UNLIMITED;
  const state = await stateOf(db, tenant, quota, limit, now);
  const allowed = state.limit === null || state.used + wanted <= state.limit;
  return { ...state, wanted, allowed, hint: allowed ? null : whatToDo(tenantId, state) };
}

/** Throws quota_exceeded, saying what to do, when the tenant may not use so much more. */
export async function quotaCheck(
  db: Reader,
  tenantId: string,
  quota: QuotaKey,
  wanted: number,
  now: string,
): Promise<void> {
  const answer = await quotaAsk(db, tenantId, quota, wanted, now);
  if (answer.allowed) return;
  const { limit, used, unit, source, resetsAt } = answer;
  const until = resetsAt === null ? "" : ` until ${resetsAt}`;
  throw new ProblemError("quota_exceeded", {
    detail:
      `Cannot give the tenant more: its quota ${quota} must stay within ${limit} ${unit}${until}, ` +
      `and this would make it ${round(used + wanted)}.`,
    hint: whatToDo(tenantId, answer),
    errors: [
      { path: `quota.${quota}`, message: `is ${limit} by its ${source}`, value: round(used + wanted) },
    ],
  });
}

const UNLIMITED: QuotaLimit = { limit: null, source: "none", overrideId: null };

function whatToDo(tenantId: string, { quota, resetsAt }: QuotaState): string {
  const wait = resetsAt === null ? "Use less" : `Wait until ${resetsAt}`;
  return (
    `${wait}, give the tenant a plan with more of ${quota}, or an override for a while: POST /v1/control-plane/limit-overrides ` +
    `with tenantId ${tenantId} and limit {"kind":"quota","quota":"${quota}","value":…}.`
  );
}

async function stateOf(
  db: Reader,
  tenant: Subject,
  quota: QuotaKey,
  { limit, source, overrideId }: QuotaLimit,
  now: string,
): Promise<QuotaState> {
  const { displayName, unit, source: from } = QUOTAS[quota];
  const window = from.kind === "meter" ? from.window : null;
  const start = window === null ? null : windowStart(now, window);
  const used = await usedOf(db, tenant, quota, now);
  return {
    ...{ quota, displayName, unit, limit, source, overrideId, used, window, windowStart: start },
    remaining: limit === null ? null : Math.max(0, round(limit - used)),
    resetsAt: window === null || start === null ? null : windowEnd(start, window),
    exceeded: limit !== null && used > limit,
  };
}

async function usedOf(db: Reader, tenant: Subject, quota: QuotaKey, now: string): Promise<number> {
  const { source } = QUOTAS[quota];
  if (source.kind === "targets") return targetsOf(db, tenant.tenantId);
  if (source.kind === "compute")
    return (await targetsOf(db, tenant.tenantId)) * (await unitsOfPlan(db, tenant));
  const { meterKey, window } = source;
  const start = windowStart(now, window);
  // The hour that has just begun says little: the last whole one speaks for it.
  const starts = window === "hour" ? [start, windowBefore(start, window)] : [start];
  const rows = await db
    .selectFrom("usageTotals")
    .innerJoin("meters", "meters.meterKey", "usageTotals.meterKey")
    .select(["usageTotals.quantity", "meters.decimals"])
    .where("usageTotals.tenantId", "=", tenant.tenantId)
    .where("usageTotals.windowKind", "=", window)
    .where("usageTotals.windowStart", "in", starts)
    .where("usageTotals.meterKey", "=", meterKey)
    .execute();
  return Math.max(0, ...rows.map(({ quantity, decimals }) => fromSteps(quantity, decimals)));
}

/** Those that are there or are to be. */
async function targetsOf(db: Reader, tenantId: string): Promise<number> {
  const row = await db
    .selectFrom("targets")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("tenantId", "=", tenantId)
    .where("deletedAt", "is", null)
    .where("requestedState", "<>", "absent")
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

const CPU_UNITS = 1_024;

/** The vCPUs that a target of the plan takes at rest. */
async function unitsOfPlan(db: Reader, { plan, planVersion }: Subject): Promise<number> {
  const services = (await planFind(db, plan, planVersion))?.services;
  if (services === undefined) return 0;
  const units = Object.values(services).map(({ cpu, minCount }) => (cpu * minCount) / CPU_UNITS);
  return units.reduce((sum, one) => sum + one, 0);
}

/** Sums of fractions, told without their last stray digits. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
