import { describe, expect, it } from "vitest";
import { monotonicMs } from "../engine/monotonic.ts";
import { type KeptLease, keepLease, type LeaseOptions } from "./lease.ts";

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Lost extends Error {}

interface Kept {
  readonly lease: KeptLease;
  readonly lost: Promise<void>;
  losses: number;
}

async function keep(renew: LeaseOptions["renew"], leaseMs = 300, killTimeMs = 100): Promise<Kept> {
  let lose = () => {};
  const lost = new Promise<void>((resolve) => {
    lose = resolve;
  });
  const kept = { losses: 0 };
  const lease = await keepLease({
    ...{ renew, leaseMs, killTimeMs },
    isLost: (thrown) => thrown instanceof Lost,
    onLost: () => {
      kept.losses += 1;
      lose();
    },
    onError: () => {},
  });
  return Object.assign(kept, { lease, lost });
}

describe("a lease that is kept", () => {
  it("ends, for its owner, the kill time before it ends for others, counted from when the renewal was asked for", async () => {
    const before = monotonicMs();
    const { lease } = await keep(() => soon(100).then(() => {}), 10_000, 4_000);
    const after = monotonicMs();
    lease.stop();
    expect(lease.deadline()).toBeGreaterThanOrEqual(before + 6_000);
    expect(lease.deadline()).toBeLessThanOrEqual(after - 90 + 6_000);
  });

  it("is not lost while its first renewal takes its time", async () => {
    const kept = await keep(() => soon(250).then(() => {}), 6_000, 1_000);
    await soon(150);
    kept.lease.stop();
    expect(kept.losses).toBe(0);
  });

  it("is lost at once when it is somebody else's, and lost once", async () => {
    let renewals = 0;
    const kept = await keep(async () => {
      renewals += 1;
      if (renewals > 1) throw new Lost();
    });
    await kept.lost;
    await soon(100);
    expect(kept.losses).toBe(1);
    expect(renewals).toBe(2);
  });

  it("survives renewals that fail for a while, and is lost when they fail until its deadline", async () => {
    let failing = false;
    const kept = await keep(async () => {
      if (failing) throw new Error("the database is away");
    });
    failing = true;
    await soon(80);
    failing = false;
    await soon(300);
    expect(kept.losses).toBe(0);
    failing = true;
    await kept.lost;
    expect(monotonicMs()).toBeGreaterThanOrEqual(kept.lease.deadline());
  });

  it("is lost at its deadline too when a renewal hangs", async () => {
    let renewals = 0;
    const kept = await keep(() => {
      renewals += 1;
      return renewals === 1 ? Promise.resolve() : new Promise<void>(() => {});
    });
    await kept.lost;
    expect(renewals).toBe(2);
  });

  it("is not begun when the first renewal fails, and tells nobody after it was stopped", async () => {
    await expect(keep(() => Promise.reject(new Lost()))).rejects.toBeInstanceOf(Lost);
    const kept = await keep(() => Promise.resolve());
    kept.lease.stop();
    await soon(300);
    expect(kept.losses).toBe(0);
  });
});
