import { afterEach, expect, it, vi } from "vitest";
import type { ProblemError } from "../../contract/errors.ts";
import type { Registry } from "../../registry/registry.ts";
import { limits } from "../config/limits.ts";
import { createMetrics } from "../metrics.ts";
import { createNudges } from "../nudges.ts";
import { type Counters, memoryCounters } from "./counters.ts";
import { createRateLimits } from "./rateLimits.ts";

afterEach(() => vi.useRealTimers());

/** A store that can be taken away. */
function flaky(): Counters & { gone: boolean; asked: number } {
  const memory = memoryCounters();
  return {
    gone: false,
    asked: 0,
    async add(key, windowSeconds) {
      this.asked += 1;
      if (this.gone) throw new Error("the database is away");
      return memory.add(key, windowSeconds);
    },
    close: async () => {},
  };
}

const unread = () => Promise.reject(new Error("not asked about tenants here"));

function setUp(rateLimit: number, read: () => Promise<unknown> = unread) {
  const counters = flaky();
  const warnings: string[] = [];
  const metrics = createMetrics();
  const headers: Record<string, string> = {};
  const rates = createRateLimits({
    settings: { rateLimit, rateLimitAddress: 0, databaseUrl: undefined },
    registry: { read } as unknown as Registry,
    log: { warn: (_facts: unknown, text: string) => warnings.push(text) } as never,
    metrics,
    nudges: createNudges(),
    counters,
  });
  const consume = (isRead: boolean, tenantId?: string, id = "key", mayAsk = true) =>
    rates
      .consume(
        { principal: { id }, operationId: "tenantList", tenantId, mayAsk, isRead },
        { set: (more) => Object.assign(headers, more) },
      )
      .then(
        () => "answered",
        (thrown: ProblemError) => thrown.code,
      );
  const failures = async () => (await metrics.rateLimiterFailures.get()).values;
  return { counters, warnings, headers, consume, failures };
}

it("counts down, says so, and refuses without asking the store again", async () => {
  const { consume, headers, counters } = setUp(2);
  expect([await consume(true), await consume(false), await consume(true)]).toEqual([
    ...["answered", "answered", "rate_limited"],
  ]);
  expect(headers).toMatchObject({
    "RateLimit-Policy": '"principal";q=2;w=60',
    RateLimit: expect.stringMatching(/^"principal";r=0;t=\d+$/),
    "Retry-After": expect.stringMatching(/^\d+$/),
  });
  const { asked } = counters;
  expect(await consume(true)).toBe("rate_limited");
  expect(counters.asked).toBe(asked);
});

it("lets reads pass and counts changes alone while its store is away, and leaves the store in peace", async () => {
  const { consume, counters, warnings, failures } = setUp(2);
  counters.gone = true;
  for (let time = 0; time < 5; time += 1) expect(await consume(true)).toBe("answered");
  expect([await consume(false), await consume(false), await consume(false)]).toEqual([
    ...["answered", "answered", "rate_limited"],
  ]);
  expect(counters.asked).toBe(1);
  expect(warnings).toHaveLength(1);
  expect(await failures()).toMatchObject([
    { labels: { outcome: "passed" }, value: 5 },
    { labels: { outcome: "counted_here" }, value: 3 },
  ]);
});

it("is no reason to refuse when a tenant's bound cannot be read", async () => {
  const { consume } = setUp(10);
  expect(await consume(true, TENANT)).toBe("answered");
});

const TENANT = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";

it("counts all keys together about a tenant, and each by itself in all", async () => {
  const bound = { tenantId: TENANT, operationId: "tenantList", requests: 2, windowSeconds: 60 };
  const { consume, counters } = setUp(3, async () => [bound]);
  expect([await consume(true, TENANT, "one"), await consume(true, TENANT, "two")]).toEqual([
    ...["answered", "answered"],
  ]);
  const { asked } = counters;
  expect(await consume(true, TENANT, "three")).toBe("rate_limited");
  // However many keys there are, a request costs two counts: of its key, and of the tenant.
  expect(counters.asked).toBe(asked + 2);
  expect([await consume(true, undefined, "one"), await consume(true, undefined, "three")]).toEqual([
    ...["answered", "answered"],
  ]);
});

it("counts whoever's role does not reach it for itself alone", async () => {
  const bound = { tenantId: TENANT, operationId: "tenantList", requests: 1, windowSeconds: 60 };
  const { consume } = setUp(0, async () => [bound]);
  const outcomes: string[] = [];
  for (const id of ["may-not", "may-not", "may-not-either"])
    outcomes.push(await consume(false, TENANT, id, false));
  expect(outcomes).toEqual(["answered", "rate_limited", "answered"]);
  expect(await consume(false, TENANT, "may")).toBe("answered");
});

it.each([
  ["more of the same window", { requests: 10, windowSeconds: 86_400 }],
  ["a shorter window", { requests: 2, windowSeconds: 60 }],
])(
  "answers again whoever has used up a bound and is given %s, though nobody says so",
  async (_name, next) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const bound = { tenantId: TENANT, operationId: "tenantList", requests: 2, windowSeconds: 86_400 };
    let bounds = [bound];
    const { consume, headers } = setUp(0, async () => bounds);
    const outcomes = () => Promise.all([1, 2, 3].map(() => consume(true, TENANT)));
    expect(await outcomes()).toEqual(["answered", "answered", "rate_limited"]);
    bounds = [{ ...bound, ...next }];
    vi.setSystemTime(Date.now() + limits.rateLimitFreshMs + 1);
    expect(await consume(true, TENANT)).toBe("answered");
    expect(headers["RateLimit-Policy"]).toBe(`"tenant";q=${next.requests};w=${next.windowSeconds}`);
  },
);
