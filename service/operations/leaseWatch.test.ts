import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLeaseWatch, createSilences } from "./leaseWatch.ts";

const WAIT_MS = 1_000;

describe("a lease watch", () => {
  it("calls a lease silent after it has been seen unchanged for the whole wait", () => {
    let now = 0;
    const watch = createLeaseWatch(WAIT_MS, () => now);
    const lease = { operationId: "a", fencingToken: 1, leaseExpiresAt: "2026-01-01T00:00:00.000Z" };
    expect(watch.look([lease])).toEqual([]);
    now = WAIT_MS - 1;
    expect(watch.look([lease])).toEqual([]);
    now = WAIT_MS;
    expect(watch.look([lease])).toEqual(["a"]);
    // Expiry went back with a clock that was set: a renewal all the same.
    expect(watch.look([{ ...lease, leaseExpiresAt: "2025-01-01T00:00:00.000Z" }])).toEqual([]);
  });

  it("forgets a lease that is gone, and counts anew when it comes back", () => {
    let now = 0;
    const watch = createLeaseWatch(WAIT_MS, () => now);
    const lease = { operationId: "a", fencingToken: 1, leaseExpiresAt: "t" };
    watch.look([lease]);
    now = 500;
    watch.look([]);
    now = WAIT_MS + 400;
    expect(watch.look([lease])).toEqual([]);
  });

  /**
   * Owners renew at least once a lease; a clock that jumps at will stamps the renewals. Whoever renews is never called silent; who
   * has stopped is, once the wait is over, whatever the clock said.
   */
  it("never takes a renewing owner for dead, whatever the clock does", () => {
    const step = fc.record({
      passMs: fc.integer({ min: 0, max: WAIT_MS / 2 }),
      clockJumpMs: fc.integer({ min: -10_000_000, max: 10_000_000 }),
      look: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(59), (steps, diesAt) => {
        let now = 0;
        let clock = 1_700_000_000_000;
        let stamp = 0;
        let renewedAt = 0;
        const watch = createLeaseWatch(WAIT_MS, () => now);
        for (const [place, { passMs, clockJumpMs, look }] of steps.entries()) {
          now += passMs;
          clock += passMs + clockJumpMs;
          // The database's clock may repeat itself; the registry's never does (registry.ts).
          if (place < diesAt) {
            stamp = Math.max(stamp + 1, clock);
            renewedAt = now;
          }
          if (!look) continue;
          const lease = { operationId: "a", fencingToken: 1, leaseExpiresAt: new Date(stamp).toISOString() };
          if (watch.look([lease]).length > 0) expect(now - renewedAt).toBeGreaterThanOrEqual(WAIT_MS);
        }
        const lease = { operationId: "a", fencingToken: 1, leaseExpiresAt: new Date(stamp).toISOString() };
        watch.look([lease]);
        now += WAIT_MS;
        expect(watch.look([lease])).toEqual(["a"]);
      }),
    );
  });
});

describe("leases that are asked for one at a time", () => {
  it("are silent only when they have been found unchanged for as long as it takes, whatever their own times say", () => {
    let now = 0;
    const isSilent = createSilences(1_000, () => now);
    expect(isSilent("stack", "1 early")).toBe(false);
    now = 999;
    expect(isSilent("stack", "1 early")).toBe(false);
    now = 1_000;
    expect(isSilent("other", "1 early")).toBe(false);
    expect(isSilent("stack", "1 renewed")).toBe(false);
    now = 1_999;
    expect(isSilent("stack", "1 renewed")).toBe(false);
    now = 2_000;
    expect(isSilent("stack", "1 renewed")).toBe(true);
  });

  it("are forgotten past a bound, the longest unasked first", () => {
    let now = 0;
    const isSilent = createSilences(10, () => now, 2);
    for (const name of ["a", "b", "c"]) isSilent(name, "x");
    now = 10;
    expect(isSilent("b", "x")).toBe(true);
    expect(isSilent("a", "x")).toBe(false);
  });
});
