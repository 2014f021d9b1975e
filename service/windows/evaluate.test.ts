import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WindowRule } from "../../contract/window.ts";
import { windowAt } from "./evaluate.ts";

const HOUR = 3_600_000;
let made = 0;

function rule(more: Partial<WindowRule>): WindowRule {
  made += 1;
  const none = { tenantId: null, planeName: null, cron: null, durationMs: null, timeZone: null };
  return {
    ...none,
    ...{ windowId: `w${made}`, effect: "allow", planeName: "dev-eu-west-1", fromAt: null, untilAt: null },
    ...{ reason: "as agreed", ...more },
  };
}

const window = (cron: string, hours: number, timeZone = "UTC", more: Partial<WindowRule> = {}) =>
  rule({ cron, durationMs: hours * HOUR, timeZone, ...more });
const freeze = (fromAt: string, untilAt: string) =>
  rule({ effect: "deny", fromAt, untilAt, reason: "year end" });
const ofTenant = { tenantId: "t", planeName: null } as const;

const openAt = (rules: readonly WindowRule[], at: string) => windowAt(rules, new Date(at)).open;
function opening(rules: readonly WindowRule[], at: string): string | null | "open" {
  const answer = windowAt(rules, new Date(at));
  return answer.open ? "open" : (answer.opensAt?.toISOString() ?? null);
}

describe("a window", () => {
  const nightly = window("0 2 * * *", 4);

  it("is open from its start to just before its end", () => {
    expect(openAt([nightly], "2026-05-04T01:59:59.999Z")).toBe(false);
    expect(openAt([nightly], "2026-05-04T02:00:00.000Z")).toBe(true);
    expect(openAt([nightly], "2026-05-04T02:00:00.001Z")).toBe(true);
    expect(openAt([nightly], "2026-05-04T05:59:59.999Z")).toBe(true);
    expect(openAt([nightly], "2026-05-04T06:00:00.000Z")).toBe(false);
  });

  it("tells when it opens next, and why it is closed", () => {
    const answer = windowAt([nightly], new Date("2026-05-04T12:00:00Z"));
    expect(answer).toMatchObject({ open: false, opensAt: new Date("2026-05-05T02:00:00Z") });
    expect(answer.open || answer.why).toContain("outside the windows of plane dev-eu-west-1 (0 2 * * * UTC");
  });

  it("is not needed: without one it is always open", () => {
    expect(windowAt([], new Date())).toEqual({ open: true });
    expect(openAt([freeze("2026-12-20T00:00:00Z", "2027-01-03T00:00:00Z")], "2026-05-04T12:00:00Z")).toBe(
      true,
    );
  });

  it("of the tenant and one of its plane must both be open", () => {
    const both = [window("0 0 * * *", 6), window("0 4 * * 6", 6, "UTC", ofTenant)];
    expect(openAt(both, "2026-05-08T05:00:00Z")).toBe(false);
    expect(openAt(both, "2026-05-09T05:00:00Z")).toBe(true);
    expect(openAt(both, "2026-05-09T07:00:00Z")).toBe(false);
    expect(opening(both, "2026-05-09T07:00:00Z")).toBe("2026-05-16T04:00:00.000Z");
  });

  it("beside another of the same plane is one of two ways in", () => {
    const either = [window("0 2 * * *", 1), window("0 14 * * *", 1)];
    expect(openAt(either, "2026-05-08T14:30:00Z")).toBe(true);
    expect(opening(either, "2026-05-08T03:30:00Z")).toBe("2026-05-08T14:00:00.000Z");
  });

  it("that never meets the other scope's is said not to open", () => {
    const never = [window("0 2 * * *", 1), window("0 14 * * *", 1, "UTC", ofTenant)];
    expect(opening(never, "2026-05-08T03:30:00Z")).toBeNull();
  });
});

describe("a freeze", () => {
  it("wins over a window", () => {
    const rules = [window("0 2 * * *", 4), freeze("2026-12-20T00:00:00Z", "2027-01-03T03:00:00Z")];
    const answer = windowAt(rules, new Date("2026-12-24T03:00:00Z"));
    expect(answer).toEqual({
      open: false,
      opensAt: new Date("2027-01-03T03:00:00Z"),
      why: "freeze of plane dev-eu-west-1: year end",
    });
  });

  it("that ends outside the windows leaves the next window to wait for", () => {
    const rules = [window("0 2 * * *", 1), freeze("2026-12-20T00:00:00Z", "2027-01-03T12:00:00Z")];
    expect(opening(rules, "2026-12-24T03:00:00Z")).toBe("2027-01-04T02:00:00.000Z");
  });

  it("may recur, and covers what begins within it", () => {
    const weekdays = rule({
      effect: "deny",
      cron: "0 8 * * 1-5",
      durationMs: 10 * HOUR,
      timeZone: "Europe/Berlin",
    });
    expect(openAt([weekdays], "2026-05-08T10:00:00Z")).toBe(false);
    expect(opening([weekdays], "2026-05-08T10:00:00Z")).toBe("2026-05-08T16:00:00.000Z");
    expect(openAt([weekdays], "2026-05-09T10:00:00Z")).toBe(true);
  });

  it("that follows on itself is said not to open", () => {
    const always = rule({ effect: "deny", cron: "0 * * * *", durationMs: HOUR, timeZone: "UTC" });
    expect(opening([always], "2026-05-08T10:00:00Z")).toBeNull();
  });

  it("without an end does not open, without a beginning has always been", () => {
    const open = rule({ effect: "deny", untilAt: "2026-06-01T00:00:00Z" });
    expect(opening([open], "1999-05-08T10:00:00Z")).toBeNull();
    expect(opening([open], "2026-05-08T10:00:00Z")).toBe("2026-06-01T00:00:00.000Z");
    expect(
      opening([rule({ effect: "deny", fromAt: "2026-01-01T00:00:00Z" })], "2026-05-08T10:00:00Z"),
    ).toBeNull();
  });
});

describe("time zones", () => {
  it("skip no window when the clock springs past its start: it begins after the gap", () => {
    // New York, 8 March 2026: 02:00 EST becomes 03:00 EDT, which is 07:00 UTC.
    const nightly = [window("30 2 * * *", 2, "America/New_York")];
    expect(opening(nightly, "2026-03-08T06:00:00Z")).toBe("2026-03-08T07:00:00.000Z");
    expect(openAt(nightly, "2026-03-08T08:59:00Z")).toBe(true);
    expect(openAt(nightly, "2026-03-08T09:00:00Z")).toBe(false);
    expect(opening(nightly, "2026-03-08T10:00:00Z")).toBe("2026-03-09T06:30:00.000Z");
  });

  it("open a window once when the clock goes back over its start, and it lasts as long as ever", () => {
    // New York, 1 November 2026: 01:30 comes at 05:30 UTC and again at 06:30 UTC.
    const nightly = [window("30 1 * * *", 0.5, "America/New_York")];
    expect(openAt(nightly, "2026-11-01T05:45:00Z")).toBe(true);
    expect(openAt(nightly, "2026-11-01T06:45:00Z")).toBe(false);
    expect(opening(nightly, "2026-11-01T06:45:00Z")).toBe("2026-11-02T06:30:00.000Z");
  });

  it.each([
    ["Asia/Kathmandu", "2026-05-08T00:00:00Z", "2026-05-08T20:15:00.000Z"],
    ["Asia/Kolkata", "2026-05-08T00:00:00Z", "2026-05-08T20:30:00.000Z"],
    ["Pacific/Chatham", "2026-07-08T00:00:00Z", "2026-07-08T13:15:00.000Z"],
    ["Pacific/Apia", "2026-05-08T00:00:00Z", "2026-05-08T13:00:00.000Z"],
    ["America/St_Johns", "2026-05-08T06:00:00Z", "2026-05-09T04:30:00.000Z"],
  ])("with odd offsets are right: %s", (zone, at, next) => {
    expect(opening([window("0 2 * * *", 1, zone)], at)).toBe(next);
  });

  it("that change by half an hour are right: Lord Howe", () => {
    // 4 October 2026: 02:00 becomes 02:30, at 15:30 UTC of the day before.
    const nightly = [window("0 2 * * *", 1, "Australia/Lord_Howe")];
    expect(opening(nightly, "2026-10-03T12:00:00Z")).toBe("2026-10-03T15:30:00.000Z");
    expect(opening(nightly, "2026-10-04T12:00:00Z")).toBe("2026-10-04T15:00:00.000Z");
  });

  it("know February 29, even if it is more than a year away", () => {
    const leap = [window("0 0 29 2 *", 24)];
    expect(openAt(leap, "2028-02-29T12:00:00Z")).toBe(true);
    expect(openAt(leap, "2027-03-01T00:00:00Z")).toBe(false);
    expect(opening(leap, "2027-06-01T00:00:00Z")).toBe("2028-02-29T00:00:00.000Z");
    expect(opening(leap, "2026-06-01T00:00:00Z")).toBeNull();
  });
});

describe("any rules", () => {
  const zones = fc.constantFrom(
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
  );
  const anyRule = fc
    .record({
      effect: fc.constantFrom("allow" as const, "deny" as const),
      cron: fc
        .record({ minute: fc.nat(59), hour: fc.nat(23), day: fc.constantFrom("*", "1-5", "6", "0") })
        .map(({ minute, hour, day }) => `${minute} ${hour} * * ${day}`),
      durationMs: fc.integer({ min: 1, max: 12 }).map((hours) => hours * HOUR),
      timeZone: zones,
      mine: fc.boolean(),
    })
    .map(({ mine, ...more }) => rule({ ...more, ...(mine ? ofTenant : {}) }));
  const anyTime = fc
    .date({ min: new Date("2026-01-01"), max: new Date("2027-12-31"), noInvalidDate: true })
    .map((date) => date.toISOString());

  it("are open at the time they are said to open, and not a minute before", () => {
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 5 }), anyTime, (rules, at) => {
        const answer = windowAt(rules, new Date(at));
        if (answer.open || answer.opensAt === null) return;
        const { opensAt } = answer;
        expect(opensAt > new Date(at)).toBe(true);
        expect(windowAt(rules, opensAt)).toEqual({ open: true });
        const before = new Date(Math.max(Date.parse(at), opensAt.getTime() - 60_000));
        expect(windowAt(rules, before).open).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it("never open while one of the freezes alone would close", () => {
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 5 }), anyTime, (rules, at) => {
        const frozen = rules.some((one) => one.effect === "deny" && !openAt([one], at));
        if (frozen) expect(openAt(rules, at)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });
});
