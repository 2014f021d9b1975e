import { ProblemError } from "../../contract/errors.ts";
import type { RateLimit } from "../../contract/plan.ts";
import type { Registry } from "../../registry/registry.ts";
import type { Principal } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import type { Settings } from "../config.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Nudges } from "../nudges.ts";
import { addressKey } from "./address.ts";
import { type Counters, memoryCounters, postgresCounters } from "./counters.ts";
import { createTenantLimits } from "./tenantLimits.ts";

/**
 * How many requests are answered: of a key in all, about one tenant at one endpoint whatever the key, and of an address without a
 * valid key. It promises that what is refused costs next to nothing, that the caller is told when to come back, and that counting
 * never takes the service down: while its store does not answer, reads pass and changes are counted in this process alone.
 * Probes and metrics are never counted (the wrapper does not ask).
 */
export interface RateLimits {
  /** Throws `rate_limited`; says on the answer what is left. */
  consume(call: Call, answer: Headers): Promise<void>;
  /** Throws `rate_limited` when too much without a valid key has come from the address. */
  refuseAddress(address: string | undefined, answer: Headers): void;
  /** Something without a valid key has come from the address. */
  countAddress(address: string | undefined): Promise<void>;
  close(): Promise<void>;
}

export interface Call {
  readonly principal: Pick<Principal, "id">;
  readonly operationId: string;
  readonly tenantId: string | undefined;
  /** The principal's role reaches it. */
  readonly mayAsk: boolean;
  /** Changes nothing. */
  readonly isRead: boolean;
}

export interface Headers {
  set(headers: Record<string, string>): unknown;
}

export interface RateLimitParts {
  readonly settings: Pick<Settings, "rateLimit" | "rateLimitAddress" | "databaseUrl">;
  readonly registry: Registry;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nudges: Pick<Nudges, "on">;
  /** Tests: counters that fail. */
  readonly counters?: Counters;
}

/** One bound that a request is held against; several apply to some. */
interface Rule extends RateLimit {
  readonly name: "principal" | "tenant" | "address";
  readonly key: string;
}

interface Standing {
  readonly rule: Rule;
  readonly left: number;
  readonly resetMs: number;
}

const MINUTE_S = 60;

export function createRateLimits(parts: RateLimitParts): RateLimits {
  const { settings, metrics } = parts;
  const shared =
    parts.counters ??
    (settings.databaseUrl === undefined ? memoryCounters() : postgresCounters(settings.databaseUrl));
  const own = memoryCounters();
  const store = fallingBack({ ...parts, shared, own });
  const tenants = createTenantLimits(parts.registry);
  // Who is known to have nothing left is refused without counting: that is when counting would cost most.
  const exhausted = new Exhausted();
  const unsubscribe = parts.nudges.on("limits", () => {
    tenants.forget();
    exhausted.clear();
  });

  async function rulesFor(call: Call): Promise<Rule[]> {
    const { principal, operationId, tenantId } = call;
    const rules: Rule[] = [];
    if (settings.rateLimit > 0) {
      const bound = { requests: settings.rateLimit, windowSeconds: MINUTE_S };
      rules.push({ name: "principal", key: `p/${principal.id}`, ...bound });
    }
    const bound = tenantId === undefined ? undefined : await tenantLimit(tenantId, operationId);
    if (bound !== undefined) rules.push({ name: "tenant", key: tenantKey(call, bound), ...bound });
    return rules;
  }

  /** A registry that cannot be read refuses the request by itself, in its own words. */
  async function tenantLimit(tenantId: string, operationId: string): Promise<RateLimit | undefined> {
    try {
      return await tenants.limitFor(tenantId, operationId);
    } catch {
      return undefined;
    }
  }

  function refuse(standing: Standing, answer: Headers): never {
    const { rule, resetMs } = standing;
    metrics.rateLimited.inc({ limit: rule.name });
    exhausted.add(rule, resetMs);
    tell(answer, [standing]);
    const afterS = Math.max(1, Math.ceil(resetMs / 1_000));
    answer.set({ "Retry-After": String(afterS) });
    throw tooMany(rule, afterS);
  }

  return {
    async consume(call, answer) {
      const standings: Standing[] = [];
      for (const rule of await rulesFor(call)) {
        const known = exhausted.leftMs(rule);
        if (known > 0) refuse({ rule, left: 0, resetMs: known }, answer);
        const counted = await store.add(rule.key, rule.windowSeconds, call.isRead);
        if (counted === undefined) continue;
        const standing = { rule, left: Math.max(0, rule.requests - counted.count), resetMs: counted.resetMs };
        if (counted.count > rule.requests) refuse(standing, answer);
        standings.push(standing);
      }
      tell(answer, standings);
    },

    refuseAddress(address, answer) {
      const rule = addressRule(settings, address);
      const known = rule === undefined ? 0 : exhausted.leftMs(rule);
      if (rule !== undefined && known > 0) refuse({ rule, left: 0, resetMs: known }, answer);
    },

    /** In this process alone: whoever has no key must not make the database write. */
    async countAddress(address) {
      const rule = addressRule(settings, address);
      if (rule === undefined) return;
      const { count, resetMs } = await own.add(rule.key, rule.windowSeconds);
      if (count >= rule.requests) exhausted.add(rule, resetMs);
    },

    async close() {
      unsubscribe();
      await shared.close();
    },
  };
}

/**
 * One count for all keys: what a plan gives is the tenant's, and another key must not give it again. Whoever is refused for its role
 * counts for itself, or a key that may only read could use up what others have for suspending the tenant. A bound of another
 * window has a count of its own, or what is over in a minute would be held to the end of a day.
 */
function tenantKey({ tenantId, operationId, principal, mayAsk }: Call, { windowSeconds }: RateLimit): string {
  return `t/${tenantId}/${mayAsk ? "" : principal.id}/${operationId}/${windowSeconds}`;
}

function addressRule(
  { rateLimitAddress }: RateLimitParts["settings"],
  address: string | undefined,
): Rule | undefined {
  if (rateLimitAddress === 0 || address === undefined) return undefined;
  const bound = { requests: rateLimitAddress, windowSeconds: MINUTE_S };
  return { name: "address", key: `a/${addressKey(address)}`, ...bound };
}

interface Fallback extends Pick<RateLimitParts, "log" | "metrics"> {
  readonly shared: Counters;
  readonly own: Counters;
}

/** After a failure the shared store is left alone for a while, so that not every request waits for it in vain. */
function fallingBack({ shared, own, log, metrics }: Fallback) {
  let restUntilMs = 0;
  return {
    /** Undefined: nobody counts, and the request passes. */
    async add(key: string, windowSeconds: number, isRead: boolean) {
      if (Date.now() >= restUntilMs) {
        try {
          return await shared.add(key, windowSeconds);
        } catch (thrown) {
          restUntilMs = Date.now() + limits.rateLimiterRestMs;
          log.warn(
            { err: thrown },
            "cannot count requests together with other services: reads pass uncounted",
          );
        }
      }
      metrics.rateLimiterFailures.inc({ outcome: isRead ? "passed" : "counted_here" });
      return isRead ? undefined : own.add(key, windowSeconds);
    },
  };
}

/** Of the bound that was reached: whoever has been given another is counted again. */
class Exhausted {
  readonly #until = new Map<string, { readonly ms: number; readonly requests: number }>();

  add({ key, requests }: Rule, ms: number): void {
    if (this.#until.size >= limits.rateLimitTenants) this.#until.clear();
    this.#until.set(key, { ms: Date.now() + ms, requests });
  }

  clear(): void {
    this.#until.clear();
  }

  leftMs({ key, requests }: Rule): number {
    const until = this.#until.get(key);
    if (until === undefined || until.requests !== requests) return 0;
    const left = until.ms - Date.now();
    if (left <= 0) this.#until.delete(key);
    return left;
  }
}

/** As in the IETF's draft on RateLimit header fields: each policy with its quota and window, then what is left of each. */
function tell(answer: Headers, standings: readonly Standing[]): void {
  if (standings.length === 0) return;
  const policies = standings.map(({ rule }) => `"${rule.name}";q=${rule.requests};w=${rule.windowSeconds}`);
  const left = standings.map(
    ({ rule, left, resetMs }) => `"${rule.name}";r=${left};t=${Math.max(0, Math.ceil(resetMs / 1_000))}`,
  );
  answer.set({ "RateLimit-Policy": policies.join(", "), RateLimit: left.join(", ") });
}

const WHOSE: Readonly<Record<Rule["name"], string>> = {
  principal: "requests with this key",
  tenant: "requests about this tenant at this endpoint",
  address: "requests without a valid key from this address",
};

const WHAT_ELSE: Readonly<Record<Rule["name"], string>> = {
  principal: "The bound is the service's --rate-limit.",
  tenant:
    "The bound is the plan's or an override's; an admin can give the tenant another for a while with POST /v1/control-plane/limit-overrides.",
  address: "Send a valid API key.",
};

function tooMany({ name, requests, windowSeconds }: Rule, afterS: number): ProblemError {
  return new ProblemError("rate_limited", {
    detail: `Cannot answer now: at most ${requests} ${WHOSE[name]} are answered in ${windowSeconds} seconds, and that many were.`,
    hint: `Come back in ${afterS} seconds (Retry-After). ${WHAT_ELSE[name]}`,
  });
}
