import { describe, expect, it } from "vitest";
import { windowCreateSchema } from "../../contract/window.ts";
import { refuseBadTimes } from "./check.ts";

const now = new Date("2026-03-02T00:00:00Z");
const MINUTE_MS = 60_000;

function check(cron: string, minutes: number): () => void {
  const freeze = {
    effect: "deny",
    planeName: "dev-eu-west-1",
    timeZone: "Europe/Berlin",
    reason: "year end",
  };
  const window = windowCreateSchema.parse({ ...freeze, cron, durationMs: minutes * MINUTE_MS });
  return () => refuseBadTimes(window, now);
}

describe("a freeze", () => {
  it.each([
    ["* * * * *", 1],
    ["*/30 * * * *", 30],
    ["0 * * * *", 61],
    ["0 0-23 * * *", 60],
    ["0 8 * * *", 24 * 60],
    ["0 * * * 1-7", 60],
    ["0 0 * * 1", 7 * 24 * 60],
  ])("that follows on itself without a gap is refused: %s for %i minutes", (cron, minutes) => {
    expect(check(cron, minutes)).toThrow(/must be shorter than the time from one beginning to the next/);
  });

  it.each([
    ["*/30 * * * *", 29],
    ["*/30 * * * 1-5", 30],
    ["* * * * 6,0", 1],
    ["0 8 * * 1-5", 24 * 60],
    ["0 * * 12 *", 60],
    ["0 0 1 * *", 7 * 24 * 60],
  ])("that leaves something open is taken: %s for %i minutes", (cron, minutes) => {
    expect(check(cron, minutes)).not.toThrow();
  });
});
