import type { RateLimit } from "../../contract/plan.ts";
import { rateOverridesInForce } from "../../registry/limitOverride.ts";
import { planFind } from "../../registry/plan.ts";
import { prepared } from "../../registry/prepared.ts";
import type { Registry } from "../../registry/registry.ts";
import { limits } from "../config/limits.ts";

/**
 * How many requests may be made about a tenant: an override's, else its plan's. Remembered for seconds, as it is asked with every
 * request: a change is felt within `limits.rateLimitFreshMs` in every service.
 */
export interface TenantLimits {
  /** Undefined for an id that is no tenant's, and when nothing is said. */
  limitFor(tenantId: string, operationId: string): Promise<RateLimit | undefined>;
  /** Reads anew when it is asked next. */
  forget(): void;
}

interface Planned {
  readonly default: RateLimit;
  readonly endpoints: Readonly<Record<string, RateLimit>>;
}

const bindingById = prepared((db, tenantId: string) =>
  db.selectFrom("tenants").select(["plan", "planVersion"]).where("tenantId", "=", tenantId),
);

export function createTenantLimits(registry: Registry, now: () => number = Date.now): TenantLimits {
  const bindings = new Map<string, { readonly binding: Binding | undefined; readonly untilMs: number }>();
  // A version of a plan never changes, so it is read once.
  const plans = new Map<string, Planned | undefined>();
  let overrides: Promise<Overrides> = Promise.resolve(new Map());
  let overridesUntilMs = 0;

  async function bindingOf(tenantId: string): Promise<Binding | undefined> {
    const known = bindings.get(tenantId);
    if (known !== undefined && known.untilMs > now()) return known.binding;
    const [binding] = await registry.read((db) => bindingById(db, tenantId));
    if (bindings.size >= limits.rateLimitTenants) bindings.clear();
    bindings.set(tenantId, { binding, untilMs: now() + limits.rateLimitFreshMs });
    return binding;
  }

  async function planOf({ plan, planVersion }: Binding): Promise<Planned | undefined> {
    const key = `${plan}/${planVersion}`;
    if (!plans.has(key)) {
      const found = await registry.read((db) => planFind(db, plan, planVersion));
      if (plans.size >= limits.rateLimitPlans) plans.clear();
      plans.set(key, found?.rateLimits);
    }
    return plans.get(key);
  }

  /** Whoever comes while they are read waits for the same answer; what cannot be read is what it was. */
  function overridesNow(): Promise<Overrides> {
    if (overridesUntilMs > now()) return overrides;
    overridesUntilMs = now() + limits.rateLimitFreshMs;
    const before = overrides;
    overrides = readOverrides().catch(() => before);
    return overrides;
  }

  async function readOverrides(): Promise<Overrides> {
    const found = await registry.read((db) => rateOverridesInForce(db, new Date(now()).toISOString()));
    return new Map(
      found.map(({ tenantId, operationId, requests, windowSeconds }) => [
        `${tenantId}/${operationId ?? "*"}`,
        { requests, windowSeconds },
      ]),
    );
  }

  return {
    forget() {
      bindings.clear();
      overridesUntilMs = 0;
    },
    async limitFor(tenantId, operationId) {
      const own = await overridesNow();
      const exact = own.get(`${tenantId}/${operationId}`);
      if (exact !== undefined) return exact;
      const binding = await bindingOf(tenantId);
      const planned = binding && (await planOf(binding));
      return planned?.endpoints[operationId] ?? own.get(`${tenantId}/*`) ?? planned?.default;
    },
  };
}

type Overrides = ReadonlyMap<string, RateLimit>;

interface Binding {
  readonly plan: string;
  readonly planVersion: number;
}
