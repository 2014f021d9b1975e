import type { Operation } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import {
  type BreakerRow,
  breakerAnnounce,
  breakerFind,
  breakersOpen,
  breakerWrite,
} from "../../registry/breaker.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import type { Settings } from "../config.ts";
import { type BreakerFacts, CLOSED, isCounted, judge } from "./judge.ts";

/**
 * Circuit breakers of planes and regions: where engine and cloud keep failing, rollouts, drift scans and the reconcile loop start
 * nothing new until it works again. What a person asks for by name is always begun, and tells as well.
 */
type Place = Pick<Target, "targetId" | "planeName" | "region">;

type Scope = readonly ["plane" | "region", string];

function scopesOf({ planeName, region }: Pick<Target, "planeName" | "region">): readonly Scope[] {
  return [
    ["plane", `plane/${planeName}`],
    ["region", `region/${region}`],
  ];
}

export interface Ended {
  /** Who ended: an operation's id, or a scan's name for the target. */
  readonly holder: string;
  readonly place: Place;
  /** Undefined when it succeeded. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  /** False when neither engine nor cloud were asked for anything. */
  readonly tells: boolean;
}

/** The last thing in a change that ends an operation: it may wait for others that end on the same plane. */
export async function breakersCount(
  change: Change,
  service: Pick<ServiceContext, "settings">,
  ended: Ended,
): Promise<void> {
  const { failure, holder } = ended;
  const tells = ended.tells && (failure === undefined || isCounted(failure.code));
  for (const [kind, scope] of scopesOf(ended.place)) {
    const known = await breakerFind(change.db, scope);
    if (!tells) {
      if (known?.probeHolder === holder) await releaseProbe(change, scope, holder);
      continue;
    }
    const isQuiet = known === undefined || (known.state === "closed" && known.outcomes.length === 0);
    if (failure === undefined && isQuiet) continue;
    await count(change, service.settings, ended, kind, scope);
  }
}

async function count(
  change: Change,
  settings: Settings,
  { holder, place, failure }: Ended,
  kind: Scope[0],
  scope: string,
): Promise<void> {
  await change.lock(`breaker/${scope}`);
  const row = await breakerFind(change.db, scope);
  const before: BreakerFacts = row ?? CLOSED;
  const { targetId, planeName } = place;
  const outcome = { at: change.now, targetId, planeName, failure: failure?.message.slice(0, 300) ?? null };
  const after = judge(before, outcome, kind, {
    failures: settings.breakerFailures,
    windowMs: limits.breakerWindowMs,
    coolDownMs: settings.breakerCoolDownMs,
    coolDownMaxMs: limits.breakerCoolDownMaxMs,
  });
  // Another's probe still runs: this one had begun before the breaker opened.
  const isProbed = row?.probeHolder !== holder && after.state === "open" && after.retryAt === row?.retryAt;
  const written: BreakerRow = {
    ...after,
    scope,
    outcomes: [...after.outcomes],
    probeHolder: isProbed ? (row?.probeHolder ?? null) : null,
    probeUntil: isProbed ? (row?.probeUntil ?? null) : null,
    updatedAt: change.now,
  };
  await breakerWrite(change, written);
  if (before.state === after.state && before.retryAt === after.retryAt) return;
  await breakerAnnounce(change, after.state === "open" ? "opened" : "closed", written);
}

async function releaseProbe(change: Change, scope: string, holder: string): Promise<void> {
  await change.db
    .updateTable("breakers")
    .set({ probeHolder: null, probeUntil: null })
    .where("scope", "=", scope)
    .where("probeHolder", "=", holder)
    .execute();
}

/** What the open breakers say about starting something, read once for a whole pass. */
export interface OpenBreakers {
  /** Why nothing may start there now; undefined when something may. */
  why(place: Pick<Target, "planeName" | "region">, now: string): string | undefined;
  /** When the next of those that are closed to everybody lets one through, ISO 8601. */
  nextAt(places: readonly Pick<Target, "planeName" | "region">[], now: string): string | undefined;
}

export async function openBreakers(db: Reader): Promise<OpenBreakers> {
  const open = await breakersOpen(db);
  const rowsAt = (place: Pick<Target, "planeName" | "region">) =>
    open.size === 0 ? [] : scopesOf(place).flatMap(([, scope]) => open.get(scope) ?? []);
  return {
    why: (place, now) =>
      rowsAt(place)
        .map((row) => whyClosed(row, now))
        .find((why) => why !== undefined),
    nextAt: (places, now) =>
      places
        .flatMap(rowsAt)
        .map((row) => (row.retryAt !== null && row.retryAt > now ? row.retryAt : (row.probeUntil ?? now)))
        .filter((at) => at > now)
        .sort()[0],
  };
}

function whyClosed({ scope, reason, retryAt, probeUntil }: BreakerRow, now: string): string | undefined {
  const why = `the circuit breaker of ${scope.replace("/", " ")} is open: ${reason ?? "too much has failed there"}`;
  if (retryAt !== null && retryAt > now) return `${why}. One is let through at ${retryAt}`;
  if (probeUntil !== null && probeUntil > now) return `${why}. One was let through and has not ended yet`;
  return undefined;
}

/**
 * Inside the change that starts something: false when the place must be left alone. Of several that come when the pause is over
 * the first is let through; the others wait for what it finds.
 */
export async function breakerAdmit(
  change: Pick<Change, "db" | "now" | "lock">,
  settings: Settings,
  holder: string,
  place: Pick<Target, "planeName" | "region">,
): Promise<boolean> {
  const open = await breakersOpen(change.db);
  if (open.size === 0) return true;
  const scopes = scopesOf(place).filter(([, scope]) => open.has(scope));
  for (const [, scope] of scopes) {
    await change.lock(`breaker/${scope}`);
    const row = await breakerFind(change.db, scope);
    if (row?.state === "open" && whyClosed(row, change.now) !== undefined) return false;
  }
  const probeUntil = new Date(Date.parse(change.now) + settings.breakerCoolDownMs).toISOString();
  for (const [, scope] of scopes) {
    await change.db
      .updateTable("breakers")
      .set({ probeHolder: holder, probeUntil, updatedAt: change.now })
      .where("scope", "=", scope)
      .execute();
  }
  return true;
}

/** By it the one that a breaker has let through is known again when it ends. */
export function rolloutHolder(rolloutId: string, targetId: string): string {
  return `rollout ${rolloutId} ${targetId}`;
}

/** What an ended operation says of engine and cloud: nothing when it was cancelled, or had nothing to run. */
export function endedOperation(
  { operationId, planeName, targetId, rolloutId }: Operation,
  target: Place,
  outcome: "succeeded" | "failed" | "cancelled",
  error: { readonly code: string; readonly message: string } | undefined,
  unchanged: boolean,
): Ended {
  const place = {
    ...target,
    planeName: planeName ?? target.planeName,
    targetId: targetId ?? target.targetId,
  };
  const tells = outcome === "failed" ? error !== undefined : outcome === "succeeded" && !unchanged;
  const holder = rolloutId === null ? operationId : rolloutHolder(rolloutId, place.targetId);
  return { holder, place, failure: outcome === "failed" ? error : undefined, tells };
}
