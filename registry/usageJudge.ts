import { METER_LIMITS, type MeterAggregation } from "../contract/meter.ts";
import { QUOTA_THRESHOLDS, type QuotaKey, quotasOfMeter, type UsageWindow } from "../contract/quota.ts";
import type { UsageEvent, UsageRejection } from "../contract/usage.ts";
import { fromSteps, toSteps } from "./usageQuantity.ts";
import { windowStart, windowsOf } from "./usageWindow.ts";

/**
 * Decides what counts, from facts alone: no database, no clock. What has been counted already is a duplicate and changes
 * nothing, whatever else is wrong with it by now; what is new is checked and added to the totals of its windows. Corrections
 * come after the originals they may have arrived with, so that the order within a batch does not matter.
 */
export interface UsageFacts {
  /** An original from before is too late. */
  readonly takenFrom: string;
  /** What a correction corrects must have occurred since then; it is no later than `takenFrom`. */
  readonly keptFrom: string;
  /** An original from after has a wrong clock behind it. */
  readonly takenUntil: string;
  readonly tenants: ReadonlyMap<string, { readonly deletedAt: string | null }>;
  readonly meters: ReadonlyMap<string, UsageMeter>;
  /** What is there already of the events sent and of those they correct, by `eventKey`. */
  readonly kept: ReadonlyMap<string, CountedEvent>;
  /** What the corrections so far come to, by the `eventKey` of their original. */
  readonly corrected: ReadonlyMap<string, number>;
  /** By `totalKey`; what is not there is zero. */
  readonly totals: ReadonlyMap<string, number>;
  /** Undefined: as much as it likes. */
  readonly limitOf: (tenantId: string, quota: QuotaKey) => number | undefined;
  readonly overQuota: "count" | "refuse";
}

export interface UsageMeter {
  readonly aggregation: MeterAggregation;
  readonly decimals: number;
  readonly archivedAt: string | null;
}

export interface CountedEvent {
  readonly tenantId: string;
  readonly eventId: string;
  readonly meterKey: string;
  readonly quantity: number;
  readonly occurredAt: string;
  readonly corrects: string | null;
}

export type UsageVerdict =
  | { readonly status: "accepted" | "duplicate" }
  | { readonly status: "rejected"; readonly reason: UsageRejection; readonly message: string };

export interface TotalChange {
  readonly tenantId: string;
  readonly window: UsageWindow;
  readonly start: string;
  readonly meterKey: string;
  readonly aggregation: MeterAggregation;
  /** To be added to a sum; of a peak, the largest that was sent. */
  quantity: number;
  events: number;
  corrections: number;
}

export interface Reached {
  readonly tenantId: string;
  readonly quota: QuotaKey;
  readonly window: UsageWindow;
  readonly windowStart: string;
  readonly threshold: number;
  readonly used: number;
  readonly limit: number;
}

export interface UsageJudgement {
  /** One for each event, in their order. */
  readonly verdicts: readonly UsageVerdict[];
  readonly counted: readonly CountedEvent[];
  readonly changes: readonly TotalChange[];
  readonly reached: readonly Reached[];
}

export function eventKey(tenantId: string, eventId: string): string {
  return `${tenantId}/${eventId}`;
}

export function totalKey(tenantId: string, window: UsageWindow, start: string, meterKey: string): string {
  return `${tenantId}/${window}/${start}/${meterKey}`;
}

export function judgeUsage(events: readonly UsageEvent[], facts: UsageFacts): UsageJudgement {
  const ledger = new Ledger(facts);
  const verdicts: UsageVerdict[] = [];
  for (const isCorrection of [false, true]) {
    events.forEach((event, place) => {
      if ((event.corrects !== undefined) === isCorrection) verdicts[place] = ledger.take(event);
    });
  }
  const { counted, changes } = ledger;
  return { verdicts, counted, changes: [...changes.values()], reached: reachedOf(facts, changes) };
}

class Ledger {
  readonly counted: CountedEvent[] = [];
  readonly changes = new Map<string, TotalChange>();
  readonly #facts: UsageFacts;
  readonly #new = new Map<string, CountedEvent>();
  readonly #corrected: Map<string, number>;

  constructor(facts: UsageFacts) {
    this.#facts = facts;
    this.#corrected = new Map(facts.corrected);
  }

  take(event: UsageEvent): UsageVerdict {
    const earlier = this.#find(event.tenantId, event.eventId);
    const meter = this.#facts.meters.get(event.meter);
    const quantity = meter && toSteps(event.quantity, meter.decimals);
    if (earlier !== undefined)
      return isSame(earlier, event, quantity) ? { status: "duplicate" } : reused(event);
    if (meter === undefined)
      return no("unknown_meter", `meter must be one of the catalog, got ${event.meter}`);
    if (meter.archivedAt !== null)
      return no("meter_archived", `${event.meter} was archived at ${meter.archivedAt}`);
    if (quantity === undefined) return no("invalid_event", wrongQuantity(event, meter.decimals));
    const tenant = this.#facts.tenants.get(event.tenantId);
    if (tenant === undefined)
      return no("unknown_tenant", "tenantId must be a tenant's, and there is no such tenant");
    const place =
      event.corrects === undefined ? this.#placeOfOriginal(event) : this.#placeOfCorrection(event, quantity);
    if ("status" in place) return place;
    if (tenant.deletedAt !== null && place.occurredAt > tenant.deletedAt)
      return no("tenant_deleted", `the tenant was deleted at ${tenant.deletedAt}`);
    const row = {
      ...{ tenantId: event.tenantId, eventId: event.eventId, meterKey: event.meter, quantity },
      ...{ occurredAt: place.occurredAt, corrects: event.corrects ?? null },
    };
    return this.#refusal(row, meter) ?? this.#count(row, meter);
  }

  #find(tenantId: string, eventId: string): CountedEvent | undefined {
    const key = eventKey(tenantId, eventId);
    return this.#new.get(key) ?? this.#facts.kept.get(key);
  }

  #placeOfOriginal({ occurredAt = "" }: UsageEvent): { occurredAt: string } | UsageVerdict {
    const { takenFrom, takenUntil } = this.#facts;
    if (occurredAt < takenFrom)
      return no("too_late", `occurredAt must not be before ${takenFrom}, got ${occurredAt}`);
    if (occurredAt > takenUntil)
      return no("in_future", `occurredAt must not be after ${takenUntil}, got ${occurredAt}`);
    return { occurredAt };
  }

  #placeOfCorrection(event: UsageEvent, quantity: number): { occurredAt: string } | UsageVerdict {
    const corrects = event.corrects ?? "";
    const original = this.#find(event.tenantId, corrects);
    if (original === undefined)
      return no("unknown_original", `corrects must be an event that was counted, got ${corrects}`);
    if (original.corrects !== null)
      return no(
        "original_is_correction",
        `corrects must be the original, ${original.corrects}, got ${corrects}`,
      );
    if (original.meterKey !== event.meter)
      return no("meter_mismatch", `meter must be the original's, ${original.meterKey}, got ${event.meter}`);
    if (original.occurredAt < this.#facts.keptFrom)
      return no(
        "too_late",
        `the original occurred at ${original.occurredAt}, and none is kept from before ${this.#facts.keptFrom}`,
      );
    if (this.#facts.meters.get(event.meter)?.aggregation === "peak")
      return no("not_correctable", `${event.meter} keeps the peak of a window, which cannot be taken back`);
    const key = eventKey(event.tenantId, corrects);
    const left = original.quantity + (this.#corrected.get(key) ?? 0) + quantity;
    if (left < 0 || left > METER_LIMITS.largestTotal)
      return no("correction_too_large", "the original with all its corrections must stay zero or more");
    return { occurredAt: original.occurredAt };
  }

  /** What would come out of range, or past a quota that the sender does not want to exceed. */
  #refusal(row: CountedEvent, meter: UsageMeter): UsageVerdict | undefined {
    // A month holds the most, so the shorter windows are within bounds, too.
    if (this.#after(row, meter, "month") > METER_LIMITS.largestTotal)
      return no(
        "total_too_large",
        `the month's total must stay within ${fromSteps(METER_LIMITS.largestTotal, meter.decimals)}`,
      );
    if (this.#facts.overQuota === "count" || row.quantity <= 0) return undefined;
    for (const { quota, window } of quotasOfMeter(row.meterKey)) {
      const limit = this.#facts.limitOf(row.tenantId, quota);
      const used = fromSteps(this.#after(row, meter, window), meter.decimals);
      if (limit !== undefined && used > limit)
        return no("quota_exceeded", `${quota} must stay within ${limit}, and this would make it ${used}`);
    }
    return undefined;
  }

  #after(row: CountedEvent, meter: UsageMeter, window: UsageWindow): number {
    const key = totalKey(row.tenantId, window, windowStart(row.occurredAt, window), row.meterKey);
    return totalAfter(this.#facts, key, this.changes.get(key), meter.aggregation, row.quantity);
  }

  #count(row: CountedEvent, { aggregation }: UsageMeter): UsageVerdict {
    const { tenantId, meterKey, quantity, corrects } = row;
    for (const { window, start } of windowsOf(row.occurredAt)) {
      const key = totalKey(tenantId, window, start, meterKey);
      const change = this.changes.get(key) ?? {
        ...{ tenantId, window, start, meterKey, aggregation },
        ...{ quantity: 0, events: 0, corrections: 0 },
      };
      change.quantity =
        aggregation === "sum" ? change.quantity + quantity : Math.max(change.quantity, quantity);
      if (corrects === null) change.events += 1;
      else change.corrections += 1;
      this.changes.set(key, change);
    }
    if (corrects !== null) {
      const key = eventKey(tenantId, corrects);
      this.#corrected.set(key, (this.#corrected.get(key) ?? 0) + quantity);
    }
    this.#new.set(eventKey(tenantId, row.eventId), row);
    this.counted.push(row);
    return { status: "accepted" };
  }
}

function totalAfter(
  facts: UsageFacts,
  key: string,
  change: TotalChange | undefined,
  aggregation: MeterAggregation,
  quantity: number,
): number {
  const before = facts.totals.get(key) ?? 0;
  const changed = change?.quantity ?? 0;
  return aggregation === "sum" ? before + changed + quantity : Math.max(before, changed, quantity);
}

/**
 * Every threshold that a window is at or past by what was added, not only one that it crosses now: a bound may have become
 * smaller than what was used. Which of them has been told already is for the registry to say.
 */
function reachedOf(facts: UsageFacts, changes: ReadonlyMap<string, TotalChange>): Reached[] {
  const reached: Reached[] = [];
  for (const [key, change] of changes) {
    const { tenantId, meterKey, window, start, aggregation } = change;
    const decimals = facts.meters.get(meterKey)?.decimals ?? 0;
    const used = fromSteps(totalAfter(facts, key, change, aggregation, 0), decimals);
    for (const { quota } of quotasOfMeter(meterKey).filter((one) => one.window === window)) {
      const limit = facts.limitOf(tenantId, quota);
      if (limit === undefined || used <= 0 || change.quantity <= 0) continue;
      for (const threshold of QUOTA_THRESHOLDS) {
        if (used < (limit * threshold) / 100) continue;
        reached.push({ tenantId, quota, window, windowStart: start, threshold, used, limit });
      }
    }
  }
  return reached;
}

function isSame(earlier: CountedEvent, event: UsageEvent, quantity: number | undefined): boolean {
  return (
    earlier.meterKey === event.meter &&
    earlier.quantity === quantity &&
    earlier.corrects === (event.corrects ?? null) &&
    (event.corrects !== undefined || earlier.occurredAt === event.occurredAt)
  );
}

function reused({ eventId }: UsageEvent): UsageVerdict {
  return no(
    "event_id_reused",
    `${eventId} is the id of another event that was counted; it needs one of its own`,
  );
}

function wrongQuantity({ quantity, meter }: UsageEvent, decimals: number): string {
  const digits =
    decimals === 0 ? "a whole number" : `a number with at most ${decimals} digits behind the point`;
  return `quantity must be ${digits} within what can be counted exactly for ${meter}, got ${quantity}`;
}

function no(reason: UsageRejection, message: string): UsageVerdict {
  return { status: "rejected", reason, message };
}
