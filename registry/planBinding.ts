import { ProblemError } from "../contract/errors.ts";
import type { PlanVersion } from "../contract/plan.ts";
import type { IsolationLevel } from "../contract/vocabulary.ts";
import { planGet, planLatestAll } from "./plan.ts";
import type { Reader } from "./registry.ts";

/** Which version of which plan a tenant is bound to. */
export interface PlanBinding {
  readonly plan: string;
  readonly planVersion: number;
}

export interface PlanWish {
  readonly plan?: string | undefined;
  readonly planVersion?: number | null | undefined;
}

/**
 * What a wish comes to. A version that is named is that one. Without one, a tenant of that plan stays at the version it has, and
 * whoever comes to the plan gets the newest. Throws unknown_plan.
 */
export async function planBind(
  db: Reader,
  before: PlanBinding | undefined,
  wish: PlanWish,
): Promise<PlanBinding> {
  const plan = wish.plan ?? before?.plan ?? "";
  if (wish.planVersion == null && plan === before?.plan) return { plan, planVersion: before.planVersion };
  const { version } = await planGet(db, plan, wish.planVersion ?? undefined);
  return { plan, planVersion: version };
}

/** Whether two are bound to the same. */
export function sameBinding(left: PlanBinding, right: PlanBinding): boolean {
  return left.plan === right.plan && left.planVersion === right.planVersion;
}

/** The version a tenant is bound to. */
export function planOf(db: Reader, { plan, planVersion }: PlanBinding): Promise<PlanVersion> {
  return planGet(db, plan, planVersion);
}

/** Throws isolation_not_in_plan, saying what the plan offers. */
export async function requireIsolationInPlan(
  db: Reader,
  binding: PlanBinding,
  isolation: IsolationLevel,
): Promise<void> {
  const { plan, planVersion } = binding;
  const { isolation: offered } = await planOf(db, binding);
  if (offered.includes(isolation)) return;
  const others = await plansOffering(db, isolation);
  throw new ProblemError("isolation_not_in_plan", {
    detail: `Cannot place the tenant: isolation must be ${offered.join(" or ")} on the plan ${plan}, version ${planVersion}, got ${isolation}.`,
    hint: `Choose another isolation, or a plan that offers it: ${others || "none does"}.`,
    errors: [{ path: "body.isolation", message: `is not offered by the plan ${plan}`, value: isolation }],
  });
}

async function plansOffering(db: Reader, isolation: IsolationLevel): Promise<string> {
  const plans = await planLatestAll(db);
  return plans
    .filter((plan) => plan.isolation.includes(isolation))
    .map(({ plan }) => plan)
    .join(", ");
}
