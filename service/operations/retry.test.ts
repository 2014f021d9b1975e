import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, pause } from "./retry.ts";

describe("backoffMs", () => {
  it("grows, stays within its bounds and never retries at once", () => {
    const policy = { attempts: 10, backoffMs: 500, backoffMaxMs: 15_000 };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, luck) => {
          const wait = backoffMs(policy, attempt, () => luck);
          const ceiling = Math.min(15_000, 500 * 2 ** (attempt - 1));
          expect(wait).toBeGreaterThanOrEqual(Math.floor(ceiling / 2));
          expect(wait).toBeLessThanOrEqual(ceiling);
        },
      ),
    );
  });
});

describe("pause", () => {
  it("ends early when aborted, also when it already was", async () => {
    const stop = new AbortController();
    const began = performance.now();
    const waiting = pause(60_000, stop.signal);
    stop.abort();
    await waiting;
    await pause(60_000, stop.signal);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
