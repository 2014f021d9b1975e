import fc from "fast-check";
import { expect, it } from "vitest";
import { USAGE_LIMITS, type UsageEvent } from "../../contract/usage.ts";
import { newId } from "../../registry/id.ts";
import type { Registry } from "../../registry/registry.ts";
import { USAGE_SCOPE, type UsageBatch, usageIngest } from "../../registry/usageIngest.ts";
import { eventKey } from "../../registry/usageJudge.ts";
import { windowsOf } from "../../registry/usageWindow.ts";
import { addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

/**
 * A retry storm against a model. Senders that never learn what became of their batches send parts of them again, shuffled, overlapping
 * and at the same time, in some cases to a service that dies after it has written and before it commits, or is started
 * anew in between. The model is a set: each event once. The totals must be the set's, and each event accepted once.
 */
const NOW = "2026-03-01T12:00:00.000Z";
const OPTIONS = {
  ...{ latenessMs: 72 * 3_600_000, retentionMs: 400 * 86_400_000, clockSkewMs: USAGE_LIMITS.clockSkewMs },
  overQuota: "count",
} as const;

interface Original {
  readonly meter: "llm_tokens" | "storage_gib_hours" | "connections";
  readonly quantity: number;
  readonly hoursAgo: number;
  /** Shares of the quantity taken back or added, each at most a third. */
  readonly corrections: readonly number[];
}

interface Delivery {
  /** Which of the events, by place; places may repeat. */
  readonly places: readonly number[];
  readonly fate: "commits" | "dies" | "commits unheard";
}

const original: fc.Arbitrary<Original> = fc.record({
  meter: fc.constantFrom("llm_tokens" as const, "storage_gib_hours" as const, "connections" as const),
  quantity: fc.integer({ min: 0, max: 1_000_000 }),
  hoursAgo: fc.integer({ min: 0, max: 60 }),
  corrections: fc.array(fc.integer({ min: -33, max: 33 }), { maxLength: 2 }),
});
const fate = fc.constantFrom("commits" as const, "dies" as const, "commits unheard" as const);
const delivery: fc.Arbitrary<Delivery> = fc.record({
  places: fc.array(fc.nat(999), { minLength: 1, maxLength: 30 }),
  fate,
});
/** What is sent at the same time; between two rounds the service may be started anew. */
const round = fc.record({
  deliveries: fc.array(delivery, { minLength: 1, maxLength: 4 }),
  restart: fc.boolean(),
});

function eventsOf(originals: readonly Original[], tenants: readonly string[]): UsageEvent[] {
  return originals.flatMap(({ meter, quantity, hoursAgo, corrections }, place) => {
    const tenantId = tenants[place % tenants.length] ?? "";
    // The same ids in every tenant: they are each tenant's own.
    const eventId = `e-${Math.floor(place / tenants.length)}`;
    const occurredAt = new Date(Date.parse(NOW) - hoursAgo * 3_600_000).toISOString();
    const scaled = meter === "storage_gib_hours" ? quantity / 1_000 : quantity;
    const others = meter === "connections" ? [] : corrections;
    return [
      { eventId, tenantId, meter, quantity: scaled, occurredAt },
      ...others.map((percent, number) => ({
        ...{ eventId: `${eventId}-c${number}`, tenantId, meter, corrects: eventId },
        quantity: roundTo(meter, (scaled * percent) / 100),
      })),
    ];
  });
}

function roundTo(meter: Original["meter"], value: number): number {
  const factor = meter === "storage_gib_hours" ? 1_000_000 : 1;
  return Math.trunc(value * factor) / factor + 0;
}

class Dies extends Error {}

type Open = () => Promise<Registry>;

async function deliver(
  registry: Registry,
  events: readonly UsageEvent[],
  fateOfIt: Delivery["fate"],
): Promise<UsageBatch | undefined> {
  try {
    return await registry.change(
      context,
      async (change) => {
        const batch = await usageIngest(change, events, OPTIONS);
        if (fateOfIt === "dies") throw new Dies();
        return batch;
      },
      USAGE_SCOPE,
    );
  } catch (thrown) {
    if (thrown instanceof Dies) return undefined;
    throw thrown;
  }
}

class Storm {
  readonly accepted = new Map<string, number>();
  readonly #open: Open;
  readonly #events: readonly UsageEvent[];
  registry: Registry;

  constructor(open: Open, registry: Registry, events: readonly UsageEvent[]) {
    this.#open = open;
    this.registry = registry;
    this.#events = events;
  }

  async round({ deliveries, restart }: { deliveries: readonly Delivery[]; restart: boolean }): Promise<void> {
    const sending = deliveries.map(async ({ places, fate: fateOfIt }) => {
      const events = places.flatMap((place) => this.#events[place % this.#events.length] ?? []);
      this.#note(events, await deliver(this.registry, events, fateOfIt));
    });
    await Promise.all(sending);
    if (!restart) return;
    await this.registry.close();
    this.registry = await this.#open();
  }

  /** All that is left, as a sender does that wants to be sure. */
  async settle(): Promise<void> {
    this.#note(this.#events, await deliver(this.registry, this.#events, "commits"));
    const last = await deliver(this.registry, [...this.#events].reverse(), "commits");
    expect(last?.verdicts.map(({ status }) => status)).toEqual(this.#events.map(() => "duplicate"));
    expect(last?.batchId).toBeNull();
  }

  #note(events: readonly UsageEvent[], batch: UsageBatch | undefined): void {
    batch?.verdicts.forEach((verdict, place) => {
      const event = events[place];
      if (event === undefined || verdict.status !== "accepted") return;
      const key = eventKey(event.tenantId, event.eventId);
      this.accepted.set(key, (this.accepted.get(key) ?? 0) + 1);
    });
  }
}

/** In steps of a millionth, so that the model adds up exactly, too. */
function modelOf(events: readonly UsageEvent[]): Map<string, number> {
  const totals = new Map<string, number>();
  const byKey = new Map(events.map((event) => [eventKey(event.tenantId, event.eventId), event]));
  for (const event of byKey.values()) {
    const at =
      event.occurredAt ?? byKey.get(eventKey(event.tenantId, event.corrects ?? ""))?.occurredAt ?? "";
    const steps = Math.round(event.quantity * 1e6);
    for (const { window, start } of windowsOf(at)) {
      const key = `${event.tenantId} ${event.meter} ${window} ${start}`;
      const before = totals.get(key) ?? 0;
      totals.set(key, event.meter === "connections" ? Math.max(before, steps) : before + steps);
    }
  }
  return totals;
}

async function totalsIn(registry: Registry, tenants: readonly string[]): Promise<Map<string, number>> {
  const rows = await registry.read((db) =>
    db.selectFrom("usageTotals").selectAll().where("tenantId", "in", tenants).execute(),
  );
  return new Map(
    rows.map(({ tenantId, meterKey, windowKind, windowStart, quantity }) => [
      `${tenantId} ${meterKey} ${windowKind} ${windowStart}`,
      quantity * (meterKey === "storage_gib_hours" ? 1 : 1_000_000),
    ]),
  );
}

const byKey = (totals: Map<string, number>) => [...totals].sort(([one], [other]) => (one < other ? -1 : 1));

describeDialects("a retry storm", (create, dialect) => {
  it("counts nothing twice and loses nothing, whatever is repeated, mixed, cut off or sent at once", async () => {
    const database = await create();
    const open = () => database.open({ now: () => new Date(NOW) });
    let registry = await open();
    await fc.assert(
      fc.asyncProperty(
        fc.array(original, { minLength: 1, maxLength: 12 }),
        fc.array(round, { minLength: 1, maxLength: 6 }),
        async (originals, rounds) => {
          const tenants: string[] = [];
          for (let number = 0; number < 3; number += 1)
            tenants.push((await addTenant(registry, `t-${newId().slice(-12)}`)).tenantId);
          const events = eventsOf(originals, tenants);
          const storm = new Storm(open, registry, events);
          try {
            for (const one of rounds) await storm.round(one);
            await storm.settle();
          } finally {
            registry = storm.registry;
          }
          expect(byKey(await totalsIn(registry, tenants))).toEqual(byKey(modelOf(events)));
          const ids = new Set(events.map((event) => eventKey(event.tenantId, event.eventId)));
          expect([...storm.accepted.keys()].sort()).toEqual([...ids].sort());
          expect([...storm.accepted.values()].every((times) => times === 1)).toBe(true);
        },
      ),
      { numRuns: dialect === "sqlite" ? 25 : 8 },
    );
  }, 60_000);
});
