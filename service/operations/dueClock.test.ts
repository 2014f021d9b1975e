import { expect, it } from "vitest";
import type { ServiceContext } from "../app/context.ts";
import { createDueClock } from "./dueClock.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.parse("2026-01-01T00:00:00.000Z");

function scene() {
  const time = { registryMs: START_MS, ticks: 5_000 };
  const told: unknown[] = [];
  const record = async (work: (books: { now: string }) => Promise<string>) =>
    work({ now: new Date(time.registryMs).toISOString() });
  const service = {
    registry: { record },
    log: { error: (about: { aheadMs: number }) => told.push(about.aheadMs) },
  } as unknown as ServiceContext;
  const clock = createDueClock(service, () => time.ticks);
  const pass = (registryMs: number, ticks = registryMs) => {
    time.registryMs += registryMs;
    time.ticks += ticks;
    return clock.now();
  };
  return { pass, told };
}

it("gives the registry's time while no more passes on its clock than here", async () => {
  const { pass, told } = scene();
  expect(await pass(0)).toBe("2026-01-01T00:00:00.000Z");
  expect(await pass(200 * 24 * HOUR_MS)).toBe("2026-07-20T00:00:00.000Z");
  expect(await pass(-HOUR_MS, HOUR_MS)).toBe("2026-07-19T23:00:00.000Z");
  expect(await pass(1_000, 0)).toBe("2026-07-19T23:00:01.000Z");
  expect(told).toEqual([]);
});

it("gives none after a jump ahead, says so once, and believes it again when it is set back", async () => {
  const { pass, told } = scene();
  await pass(0);
  expect(await pass(8 * 24 * HOUR_MS, 1_000)).toBeUndefined();
  expect(await pass(24 * HOUR_MS)).toBeUndefined();
  expect(told).toEqual([8 * 24 * HOUR_MS - 1_000]);
  expect(await pass(-8 * 24 * HOUR_MS, 1_000)).toBe("2026-01-02T00:00:00.000Z");
  expect(await pass(3 * HOUR_MS, 0)).toBeUndefined();
  expect(told).toHaveLength(2);
});
