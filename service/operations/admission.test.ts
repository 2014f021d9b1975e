import { describe, expect, it } from "vitest";
import { createAdmission, freeMemoryBytes } from "./admission.ts";

const NEED = 300;

function setUp(free: number) {
  const machine = { free, now: 0 };
  const admission = createAdmission({
    operationBytes: NEED,
    freeBytes: () => machine.free,
    nowMs: () => machine.now,
  });
  return { machine, admission };
}

describe("admission by memory", () => {
  it("admits one however little is free, and no second without room", () => {
    const { admission } = setUp(0);
    expect(admission.admits(0)).toBe(true);
    expect(admission.admits(1)).toBe(false);
  });

  it("counts those that have just begun at their full need", () => {
    const { machine, admission } = setUp(2 * NEED);
    admission.began();
    expect(admission.admits(1)).toBe(true);
    admission.began();
    expect(admission.admits(2)).toBe(false);
    // By now they have taken what they take, and it shows in what is free.
    machine.now += 10_000;
    machine.free = NEED;
    expect(admission.admits(2)).toBe(true);
    machine.free = NEED - 1;
    expect(admission.admits(2)).toBe(false);
  });

  it("does not hold back for those that have ended already", () => {
    const { admission } = setUp(2 * NEED);
    for (let place = 0; place < 10; place += 1) admission.began();
    expect(admission.admits(1)).toBe(true);
  });

  it("reads what this machine has", () => {
    expect(freeMemoryBytes()).toBeGreaterThan(0);
    expect(Number.isFinite(freeMemoryBytes())).toBe(true);
  });
});
