import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { stopWithin } from "./stopWithin.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("says that everything has stopped, and leaves no timer", async () => {
  const stopped = stopWithin(1_000, () => new Promise((resolve) => setTimeout(resolve, 900)));
  await vi.advanceTimersByTimeAsync(900);
  expect(await stopped).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it("waits no longer than its limit for what does not stop", async () => {
  const stopped = stopWithin(1_000, () => new Promise(() => {}));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await stopped).toBe(false);
});

it("passes on what goes wrong", async () => {
  await expect(stopWithin(1_000, () => Promise.reject(new Error("no disk")))).rejects.toThrow("no disk");
});
