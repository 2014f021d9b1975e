import { afterEach, beforeEach, expect, it, vi } from "vitest";
import * as bundles from "../../registry/entitlement.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { createMetrics } from "../metrics.ts";
import { createNudges } from "../nudges.ts";
import { waitForVersion } from "./waits.ts";

vi.mock("../../registry/entitlement.ts", () => ({
  ...{ bundleFind: vi.fn(), bundlesChangedAfter: vi.fn(), bundlesNewest: vi.fn() },
}));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.resetAllMocks();
});

const TENANT = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
const AT = "2026-03-01T09:00:00.000Z";

/** A request of somebody who has version 3, while these are what was changed last. */
function waiting() {
  vi.mocked(bundles.bundlesNewest).mockResolvedValue(AT);
  const say = (version: number, changedAt: string) => {
    vi.mocked(bundles.bundleFind).mockResolvedValue({ version } as bundles.FoundBundle);
    vi.mocked(bundles.bundlesChangedAfter).mockImplementation(async (_db, after) =>
      changedAt > after ? [{ tenantId: TENANT, version, changedAt }] : [],
    );
  };
  say(3, AT);
  const context = {
    registry: { read: (reading: (db: never) => unknown) => reading(undefined as never) },
    ...{ nudges: createNudges(), metrics: createMetrics(), log: { debug: () => {} } },
  } as unknown as ServiceContext;
  let isOver = false;
  const gone = new AbortController();
  void waitForVersion(context, TENANT, 3, { waitMs: 30_000, gone: gone.signal }).then(() => {
    isOver = true;
  });
  return { say, over: () => isOver };
}

it("waits on, however lately the version came that the caller has", async () => {
  const { over } = waiting();
  await vi.advanceTimersByTimeAsync(3 * limits.entitlementLookMs);
  expect(bundles.bundlesChangedAfter).toHaveBeenCalledTimes(3);
  expect(over()).toBe(false);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(over()).toBe(true);
});

it("is woken by the next look at another version, also one that was committed late", async () => {
  for (const changedAt of ["2026-03-01T09:00:07.000Z", "2026-03-01T08:59:58.000Z"]) {
    const { say, over } = waiting();
    await vi.advanceTimersByTimeAsync(limits.entitlementLookMs);
    say(4, changedAt);
    await vi.advanceTimersByTimeAsync(limits.entitlementLookMs);
    expect(over()).toBe(true);
  }
});

it("reads no change again once nothing has come for a while", async () => {
  waiting();
  await vi.advanceTimersByTimeAsync(limits.entitlementLookBackMs + 2 * limits.entitlementLookMs);
  const asked = vi.mocked(bundles.bundlesChangedAfter).mock.calls.map(([, after]) => after);
  expect([asked[0], asked.at(-1)]).toEqual(["2026-03-01T08:59:55.000Z", AT]);
});
