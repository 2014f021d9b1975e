import type { Rollout, RolloutWave } from "../../../contract/rollout.ts";
import { hasEnded } from "../../../contract/rolloutActions.ts";
import type { RolloutChange } from "../../../contract/rolloutChange.ts";
import type { Target } from "../../../contract/target.ts";
import { pinAllows, pinsOf } from "../../../registry/pin.ts";
import type { Reader } from "../../../registry/registry.ts";
import type { StoredRollout, StoredRolloutTarget } from "../../../registry/rolloutDrive.ts";
import { rolloutPlacesOf } from "../../../registry/rolloutPlace.ts";
import { windowsOf } from "../../../registry/window.ts";
import { type OpenBreakers, openBreakers } from "../../breaker/breakers.ts";
import { limits } from "../../config/limits.ts";
import { windowAt } from "../../windows/evaluate.ts";
import { incompatibleReleases } from "../choose/incompatible.ts";
import type { RolloutView, TargetView, WaveView } from "../decide/view.ts";
import { UNDECIDED } from "../policies.ts";

/**
 * What decide.ts decides on, read in a handful of queries however many targets there are. What keeps a target from beginning
 * (pins, windows, breakers, its own state) is looked up for the first targets of each wave that may begin now, and again by whoever begins one.
 */
export interface Facts {
  readonly rollout: RolloutView;
  readonly targets: readonly TargetView[];
  /** When a circuit breaker lets one through, milliseconds since 1970: the decision does not know. */
  readonly breakerAt: number | undefined;
}

export async function factsOf(db: Reader, stored: StoredRollout, now: string): Promise<Facts> {
  const { rollout, waves, targets } = stored;
  const active = waves.find(({ endedAt }) => endedAt === null)?.wave ?? 0;
  // A retry opens earlier waves again while later ones go on.
  const open = new Set(waves.filter(isOpen).map(({ wave }) => wave));
  const isNear = ({ wave, status }: StoredRolloutTarget) =>
    status === "pending" && (wave <= active + 1 || open.has(wave));
  const isStarting = rollout.status === "running" && !hasEnded(rollout.status);
  const near = isStarting ? targets.filter(isNear) : [];
  const breakers = await openBreakers(db);
  const full = fullPlanes(targets);
  const bars = await barsOfFirst(db, rollout, near, { breakers, full }, now);
  const places = [...bars.values()].flatMap(({ breakerOpen, place }) => (breakerOpen ? [place] : []));
  const breakerAt = breakers.nextAt(places, now);
  return {
    rollout: viewOf(stored),
    targets: targets.map((target) => targetView(target, bars.get(target.targetId), full)),
    breakerAt: breakerAt === undefined ? undefined : Date.parse(breakerAt),
  };
}

const LOOKED_UP_FIRST = 2 * limits.rolloutStartsAtOnce;

/**
 * Of each wave the first, and all of it only when too few of those may begin: no more are begun in one breath than `rolloutStartsAtOnce`, and a
 * wave of thousands would be read whole whenever one of it ends. What is begun unseen is looked up by whoever begins it.
 */
async function barsOfFirst(
  db: Reader,
  { change, rules }: Rollout,
  near: readonly StoredRolloutTarget[],
  { breakers, full }: { readonly breakers: OpenBreakers; readonly full: ReadonlySet<string> },
  now: string,
): Promise<Map<string, Bar>> {
  const emergency = rules.emergency !== undefined;
  const bars = new Map<string, Bar>();
  const read = async (targets: readonly StoredRolloutTarget[]) => {
    for (const [targetId, bar] of await barsOf(db, change, targets, breakers, now)) bars.set(targetId, bar);
  };
  const mayBegin = (target: StoredRolloutTarget) => {
    const bar = bars.get(target.targetId);
    const hasRoom = !full.has(target.planeName);
    return bar !== undefined && hasRoom && !isUndecided(target) && isFree(bar, emergency);
  };
  for (const targets of Map.groupBy(near, ({ wave }) => wave).values()) {
    const first = targets.slice(0, LOOKED_UP_FIRST);
    await read(first);
    if (first.filter(mayBegin).length < limits.rolloutStartsAtOnce)
      await read(targets.slice(LOOKED_UP_FIRST));
  }
  return bars;
}

/** Those of which as many operations of the rollout wait in the queue as may. */
function fullPlanes(targets: readonly StoredRolloutTarget[]): ReadonlySet<string> {
  const queued = new Map<string, number>();
  for (const { planeName, operation } of targets) {
    if (operation?.status === "queued") queued.set(planeName, (queued.get(planeName) ?? 0) + 1);
  }
  return new Set([...queued].filter(([, count]) => count >= limits.rolloutQueuedAhead).map(([name]) => name));
}

function isFree({ mayStartAt, breakerOpen, held, skip }: Bar, emergency: boolean): boolean {
  const isOpen = emergency || mayStartAt === undefined;
  return isOpen && !breakerOpen && held === undefined && skip === undefined;
}

function isUndecided({ status, reason }: StoredRolloutTarget): boolean {
  return status === "pending" && reason?.startsWith(UNDECIDED) === true;
}

export function isOpen({ startedAt, endedAt }: RolloutWave): boolean {
  return startedAt !== null && endedAt === null;
}

function viewOf({ rollout, waves }: StoredRollout): RolloutView {
  const { rolloutId, status, rules, cancelRequestedAt, endedAs, stuckSince, createdAt } = rollout;
  return {
    ...{ rolloutId, status, onExceeded: rules.onExceeded, stuckAfterMs: rules.stuckAfterMs },
    emergency: rules.emergency !== undefined,
    cancelRequested: cancelRequestedAt !== null,
    endedAs,
    progressAt: Date.parse(rollout.progressAt ?? rollout.startedAt ?? createdAt),
    stuckSince: time(stuckSince),
    waves: waves.map(waveView),
  };
}

function waveView(wave: RolloutWave): WaveView {
  const { maxConcurrency, failureTolerance } = wave;
  return {
    ...{ wave: wave.wave, size: wave.size, concurrencyMode: wave.concurrencyMode, bakeMs: wave.bakeMs },
    maxConcurrency: maxConcurrency as WaveView["maxConcurrency"],
    failureTolerance: failureTolerance as WaveView["failureTolerance"],
    approval: wave.approval,
    approvalAskedAt: time(wave.approvalAskedAt),
    approvedAt: time(wave.approvedAt),
    startedAt: time(wave.startedAt),
    bakeUntil: time(wave.bakeUntil),
    endedAt: time(wave.endedAt),
  };
}

function targetView(
  target: StoredRolloutTarget,
  bar: Bar | undefined,
  full: ReadonlySet<string>,
): TargetView {
  const { targetId, wave, status, rollbackRequestedAt, endedAt, progressAt, health } = target;
  return {
    ...{ targetId, wave, status, rollbackRequested: rollbackRequestedAt !== null },
    endedAt: time(endedAt),
    progressAt: time(progressAt),
    ...(health && {
      health: {
        healthy: health.healthy,
        checkedAt: Date.parse(health.checkedAt),
        ...(health.reason !== null && { reason: health.reason }),
      },
    }),
    ...(bar?.mayStartAt !== undefined && { mayStartAt: bar.mayStartAt }),
    ...(bar?.breakerOpen === true && { breakerOpen: true }),
    ...(status === "pending" && full.has(target.planeName) && { queueFull: true }),
    ...(isUndecided(target) && { undecided: true }),
    ...(bar?.held !== undefined && { held: bar.held }),
    ...(bar?.skip !== undefined && { skip: bar.skip }),
  };
}

function time(at: string | null): number | null {
  return at === null ? null : Date.parse(at);
}

/** What keeps a target from beginning. */
export interface Bar {
  readonly place: Pick<Target, "planeName" | "region">;
  readonly mayStartAt: number | "closed" | undefined;
  readonly whyClosed: string | undefined;
  readonly breakerOpen: boolean;
  readonly held: string | undefined;
  readonly skip: string | undefined;
}

export async function barsOf(
  db: Reader,
  change: RolloutChange,
  targets: readonly Pick<StoredRolloutTarget, "targetId" | "tenantId" | "planeName">[],
  breakers: OpenBreakers,
  now: string,
): Promise<Map<string, Bar>> {
  if (targets.length === 0) return new Map();
  const ids = targets.map(({ targetId }) => targetId);
  const places = await rolloutPlacesOf(db, ids);
  const pins = await pinsOf(db, ids, now);
  const incompatible = await incompatibleReleases(db, change, places.values());
  const rules = await windowsOf(db, targets);
  // Targets with the same rules share them, so each set is judged once.
  const judged = new Map<unknown, ReturnType<typeof windowAt>>();
  return new Map(
    targets.map(({ targetId, planeName }) => {
      const place = places.get(targetId);
      const own = rules.get(targetId) ?? [];
      const answer = judged.get(own) ?? windowAt(own, new Date(now));
      judged.set(own, answer);
      const where = { planeName, region: place?.region ?? "" };
      const pin = pins.get(targetId);
      const bar: Bar = {
        place: where,
        mayStartAt: answer.open ? undefined : (answer.opensAt?.getTime() ?? "closed"),
        whyClosed: answer.open ? undefined : answer.why,
        breakerOpen: breakers.why(where, now) !== undefined,
        held: pin && whyHeld(pin, change, place?.currentReleaseNumber ?? null),
        skip:
          place === undefined
            ? "the target is gone"
            : (whySkipped(place, change) ?? incompatible.get(place.currentReleaseNumber ?? 0)),
      };
      return [targetId, bar];
    }),
  );
}

type Pin = NonNullable<ReturnType<Awaited<ReturnType<typeof pinsOf>>["get"]>>;

/** A pin keeps the release; what was rolled back on purpose is left alone by everything. */
export function whyHeld(pin: Pin, change: RolloutChange, current: number | null): string | undefined {
  const { kind, reason, createdBy, expiresAt } = pin;
  const until = expiresAt === null ? "" : ` until ${expiresAt}`;
  if (change.kind === "release" && pinAllows(pin, change.releaseNumber, current)) return undefined;
  if (kind === "rollback") return `it was rolled back on purpose and is held${until}: ${reason}`;
  if (change.kind !== "release") return undefined;
  const what = pin.releaseNumber === null ? "" : ` to release ${pin.releaseNumber}`;
  return `it is pinned${what} by ${createdBy}${until}: ${reason}`;
}

type Place = Pick<Target, "deletedAt" | "requestedState" | "deploymentState">;

export function isResting({ deletedAt, requestedState }: Omit<Place, "deploymentState">): boolean {
  return deletedAt === null && (requestedState === "suspended" || requestedState === "archived");
}

/** Whether it is to have what is rolled out when it is wanted again. What has drifted may be another thing by then. */
export function catchesUp(
  place: Omit<Place, "deploymentState">,
  { kind }: Pick<RolloutChange, "kind">,
): boolean {
  return kind !== "drift_repair" && isResting(place);
}

/** Of targets that rest: they catch up with the rollout when they are wanted again (app/catchUp.ts). */
const RESTING = {
  suspended: "it is suspended, and catches up when it is reactivated",
  archived: "it is archived, and catches up when it is restored",
} as const;

export function saysItRests(reason: string): boolean {
  return reason === RESTING.suspended || reason === RESTING.archived;
}

export function whySkipped(place: Place, change: Pick<RolloutChange, "kind">): string | undefined {
  const { deletedAt, requestedState, deploymentState } = place;
  if (deletedAt !== null || requestedState === "absent") return "the target is gone";
  if (requestedState === "suspended" || requestedState === "archived")
    return catchesUp(place, change) ? RESTING[requestedState] : `it is ${requestedState}`;
  if (deploymentState === "absent" || deploymentState === "provisioning")
    return "it has not been provisioned";
  return undefined;
}
