import { QUOTA_KEYS, type QuotaKey } from "../contract/quota.ts";
import { limitOverridesInForce } from "./limitOverride.ts";
import { planFind } from "./plan.ts";
import type { Reader } from "./registry.ts";

/** What tenants may at most: their plan's quotas, or the override that is in force instead. */
export interface QuotaLimit {
  /** Null: as much as it likes. */
  readonly limit: number | null;
  readonly source: "plan" | "override" | "none";
  readonly overrideId: string | null;
}

export type QuotaLimits = Readonly<Record<QuotaKey, QuotaLimit>>;

interface Bound {
  readonly tenantId: string;
  readonly plan: string;
  readonly planVersion: number;
}

/** As many queries as there are different plans, and one, however many tenants. */
export async function quotaLimitsOf(
  db: Reader,
  tenants: readonly Bound[],
  now: string,
): Promise<ReadonlyMap<string, QuotaLimits>> {
  const plans = new Map<string, Readonly<Partial<Record<QuotaKey, number | undefined>>>>();
  for (const { plan, planVersion } of tenants) {
    const key = `${plan}/${planVersion}`;
    if (!plans.has(key)) plans.set(key, (await planFind(db, plan, planVersion))?.quotas ?? {});
  }
  const overrides = await limitOverridesInForce(
    db,
    tenants.map(({ tenantId }) => tenantId),
    now,
  );
  return new Map(
    tenants.map(({ tenantId, plan, planVersion }) => {
      const quotas = plans.get(`${plan}/${planVersion}`) ?? {};
      const own = overrides.filter((one) => one.tenantId === tenantId);
      const limits = QUOTA_KEYS.map((quota) => [quota, limitOf(quota, quotas[quota], own)] as const);
      return [tenantId, Object.fromEntries(limits) as Record<QuotaKey, QuotaLimit>];
    }),
  );
}

function limitOf(
  quota: QuotaKey,
  planned: number | undefined,
  overrides: Awaited<ReturnType<typeof limitOverridesInForce>>,
): QuotaLimit {
  for (const { overrideId, limit } of overrides) {
    if (limit.kind === "quota" && limit.quota === quota)
      return { limit: limit.value, source: "override", overrideId };
  }
  if (planned === undefined) return { limit: null, source: "none", overrideId: null };
  return { limit: planned, source: "plan", overrideId: null };
}
