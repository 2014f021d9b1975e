import { describe, expect, it } from "vitest";
import { nextRun, requireSchedule } from "./schedules.ts";

const winter = new Date("2026-01-15T00:00:00.000Z");

describe("a schedule", () => {
  it("runs by its zone's clock, in winter and in summer", () => {
    expect(nextRun("30 2 * * *", "Europe/Berlin", winter)).toBe("2026-01-15T01:30:00.000Z");
    expect(nextRun("30 2 * * *", "Europe/Berlin", new Date("2026-07-15T00:00:00.000Z"))).toBe(
      "2026-07-15T00:30:00.000Z",
    );
  });

  it.each([
    ["* * * * *", "UTC"],
    ["0,2 * * * *", "UTC"],
    ["59 23 * * *,", "UTC"],
    ["0 0 2 * * *", "UTC"],
    ["30 2 * * *", "Europe/Nowhere"],
  ])("is refused when it is none or its runs are too close: %s %s", (cron, zone) => {
    expect(() => requireSchedule(cron, zone, winter)).toThrow(/five fields of cron/);
  });

  it("gives its first run", () => {
    expect(requireSchedule("*/5 * * * *", "UTC", winter)).toBe("2026-01-15T00:05:00.000Z");
  });
});
