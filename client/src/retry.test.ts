import { describe, expect, it } from "vitest";
import { delayMs, LIMITS, mayTryAgain, retryAfterMs } from "./retry.ts";

const soon = { waitMs: 100, startedAt: 0, now: 0 };

describe("trying again", () => {
  it("waits longer each time, within a bound, and at least as long as asked", () => {
    expect([1, 2, 3].map((tries) => delayMs(tries, undefined, 1))).toEqual([200, 400, 800]);
    expect(delayMs(50, undefined, 1)).toBe(LIMITS.mostDelayMs);
    expect(delayMs(1, 5_000, 0)).toBe(5_000);
    expect(delayMs(3, undefined, 0)).toBe(400);
  });

  it("ends after so many tries: fewer when nobody answers at all", () => {
    expect(mayTryAgain({ ...soon, tries: LIMITS.triesUnreachable - 1, connected: false })).toBe(true);
    expect(mayTryAgain({ ...soon, tries: LIMITS.triesUnreachable, connected: false })).toBe(false);
    expect(mayTryAgain({ ...soon, tries: LIMITS.triesUnreachable, connected: true })).toBe(true);
    expect(mayTryAgain({ ...soon, tries: LIMITS.triesBusy, connected: true })).toBe(false);
  });

  it("ends rather than wait past its time, however long it was asked to wait", () => {
    expect(mayTryAgain({ ...soon, tries: 1, connected: true, waitMs: LIMITS.totalMs })).toBe(false);
    const patient = { ...soon, tries: 100, connected: false, patientUntil: 10_000 };
    expect(mayTryAgain(patient)).toBe(true);
    expect(mayTryAgain({ ...patient, now: 9_950 })).toBe(false);
  });

  it("reads Retry-After as seconds and as a date", () => {
    const now = Date.parse("2026-03-01T09:30:00Z");
    expect(retryAfterMs("7", now)).toBe(7_000);
    expect(retryAfterMs("Sun, 01 Mar 2026 09:30:05 GMT", now)).toBe(5_000);
    expect(retryAfterMs("Sun, 01 Mar 2026 09:00:00 GMT", now)).toBe(0);
    expect(retryAfterMs("soon", now)).toBeUndefined();
    expect(retryAfterMs(null, now)).toBeUndefined();
  });
});
