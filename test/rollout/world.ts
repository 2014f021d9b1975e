import { hasEnded } from "../../contract/rolloutActions.ts";
import type { Action } from "../../service/rollout/decide/action.ts";
import { decide } from "../../service/rollout/decide/decide.ts";
import type { RolloutView, TargetView, WaveView } from "../../service/rollout/decide/view.ts";
import { createHeap } from "./heap.ts";

/**
 * A fleet in virtual time: a driver that carries out what is decided as the real one does, operations that take their time and end as their fate
 * says, health that is looked at now and then, windows, breakers and pins. Nothing in it knows the rules of a rollout; it only does what
 * it is told and jumps to the next moment at which something happens.
 */
export interface Fate {
  readonly durationMs: number;
  readonly outcome: "changed" | "unchanged" | "failed";
  /** After its end, while it bakes. */
  readonly unhealthyAfterMs?: number;
  /** A failure that leaves half of the change behind. */
  readonly leavesParts?: boolean;
}

export interface TargetPlan {
  readonly wave: number;
  /** One an attempt; the last is used for all that follow. */
  readonly fates: readonly [Fate, ...Fate[]];
  readonly rollback: Fate;
  readonly opensAt?: number | "closed";
  readonly breaker?: { readonly from: number; readonly until: number };
  readonly held?: string;
  readonly skip?: string;
  /** Another operation is on it until then: it cannot be begun. */
  readonly busyUntil?: number;
}

export interface WorldPlan {
  readonly rollout: Pick<RolloutView, "onExceeded" | "stuckAfterMs" | "emergency">;
  readonly waves: readonly Pick<
    WaveView,
    "maxConcurrency" | "failureTolerance" | "concurrencyMode" | "bakeMs" | "approval"
  >[];
  readonly targets: readonly TargetPlan[];
  /** How long after a bake its health is looked at. */
  readonly lookLagMs: number;
}

export interface WorldTarget {
  readonly plan: TargetPlan;
  view: TargetView;
  /** What is deployed. */
  value: "before" | "between" | "after";
  reason: string | null;
  begun: number;
  rolledBack: number;
}

type Event = {
  readonly at: number;
  readonly kind: "end" | "look" | "unhealthy" | "nudge";
  readonly targetId: string;
};

export interface World {
  readonly plan: WorldPlan;
  rollout: RolloutView;
  now: number;
  readonly targets: ReadonlyMap<string, WorldTarget>;
  /** As the driver sees it: with windows, breakers, pins. `open` leaves out those that have ended for good. */
  view(which: "all" | "open"): TargetView[];
  /** Decides and carries out until nothing is left to do now. */
  drive(): void;
  /** Goes to the next moment at which something happens and lets it; false when nothing ever will. */
  step(until?: number): boolean;
  set(targetId: string, change: Partial<TargetView>): void;
}

/** Asked before each decision is carried out. `isAgain`: nothing but the carrying out of the one before lies between. */
export type Watch = (
  world: World,
  actions: readonly Action[],
  refused: ReadonlySet<string>,
  isAgain: boolean,
) => void;

/** `tickMs`: moments are rounded up to it, as a driver that looks around once in a while would see them. */
export function createWorld(plan: WorldPlan, watch?: Watch, tickMs = 1): World {
  const targets = new Map<string, WorldTarget>();
  const events = createHeap<Event>(({ at }) => at);
  const later = (at: number, kind: Event["kind"], targetId: string) =>
    events.push({ at: Math.ceil(at / tickMs) * tickMs, kind, targetId });
  plan.targets.forEach((target, place) => {
    const targetId = `t${String(place).padStart(5, "0")}`;
    const { wave } = target;
    const view: TargetView = {
      ...{ targetId, wave, status: "pending", rollbackRequested: false, endedAt: null, progressAt: null },
    };
    targets.set(targetId, { plan: target, view, value: "before", reason: null, begun: 0, rolledBack: 0 });
    if (target.breaker) later(target.breaker.until, "nudge", targetId);
    if (target.busyUntil) later(target.busyUntil, "nudge", targetId);
  });
  let alarm: number | null = null;

  const world: World = {
    plan,
    rollout: startOf(plan),
    now: 0,
    targets,
    view: (which) => viewsOf(targets, which, world.now),
    set(targetId, change) {
      const target = targets.get(targetId);
      if (target === undefined) throw new Error(`there is no target ${targetId}`);
      target.view = { ...target.view, ...change };
    },
    drive() {
      for (let turn = 0; ; turn += 1) {
        if (hasEnded(world.rollout.status)) return;
        const actions = decide(world.rollout, world.view("open"), world.now);
        const refused = refusedOf(world, actions);
        watch?.(world, actions, refused, turn > 0);
        alarm = null;
        let acted = 0;
        for (const action of actions) {
          if (action.kind === "wakeAt") alarm = Math.ceil(action.at / tickMs) * tickMs;
          else acted += carryOut(world, action, refused, later);
        }
        if (acted === 0) return;
      }
    },
    step(until = Number.POSITIVE_INFINITY) {
      const next = Math.min(events.peek()?.at ?? Number.POSITIVE_INFINITY, alarm ?? Number.POSITIVE_INFINITY);
      if (next === Number.POSITIVE_INFINITY || next > until) return false;
      world.now = Math.max(world.now, next);
      for (let event = events.peek(); event !== undefined && event.at <= world.now; event = events.peek()) {
        events.pop();
        happen(world, event, later);
      }
      world.drive();
      return true;
    },
  };
  return world;
}

function startOf({ rollout, waves, targets }: WorldPlan): RolloutView {
  return {
    ...rollout,
    ...{
      rolloutId: "r",
      status: "running",
      cancelRequested: false,
      endedAs: null,
      progressAt: 0,
      stuckSince: null,
    },
    waves: waves.map((wave, index) => ({
      ...wave,
      ...{ wave: index + 1, size: targets.filter((target) => target.wave === index + 1).length },
      ...{ approvalAskedAt: null, approvedAt: null, startedAt: null, bakeUntil: null, endedAt: null },
    })),
  };
}

const GONE = new Set(["succeeded", "unchanged", "skipped", "held", "rolled_back"]);

function viewsOf(
  targets: ReadonlyMap<string, WorldTarget>,
  which: "all" | "open",
  now: number,
): TargetView[] {
  const views: TargetView[] = [];
  for (const { view, plan } of targets.values()) {
    if (which === "open" && GONE.has(view.status) && !view.rollbackRequested) continue;
    const { opensAt, breaker, held, skip } = plan;
    const isPlain = !(opensAt || breaker || held || skip);
    if (isPlain) views.push(view);
    else {
      views.push({
        ...view,
        ...(opensAt === undefined ? {} : { mayStartAt: opensAt }),
        ...(breaker && breaker.from <= now && now < breaker.until ? { breakerOpen: true } : {}),
        ...(held ? { held } : {}),
        ...(skip ? { skip } : {}),
      });
    }
  }
  return views;
}

/** Those that another operation keeps from beginning. */
function refusedOf(world: World, actions: readonly Action[]): Set<string> {
  const refused = new Set<string>();
  for (const action of actions) {
    if (action.kind !== "start" && action.kind !== "rollBack") continue;
    for (const targetId of action.targetIds) {
      const { busyUntil = 0 } = world.targets.get(targetId)?.plan ?? {};
      if (busyUntil > world.now) refused.add(targetId);
    }
  }
  return refused;
}

type Later = (at: number, kind: Event["kind"], targetId: string) => void;

/** Answers 0 when nothing came of it. */
function carryOut(world: World, action: Action, refused: ReadonlySet<string>, later: Later): number {
  const { now, rollout } = world;
  if (action.kind === "start" || action.kind === "rollBack") {
    const able = action.targetIds.filter((targetId) => !refused.has(targetId));
    for (const targetId of able) begin(world, targetId, action.kind, later);
    return able.length;
  }
  if (action.kind !== "stuck") world.rollout = { ...rollout, progressAt: now };
  switch (action.kind) {
    case "skip":
    case "hold":
    case "fail":
      for (const targetId of action.targetIds) {
        const status = { skip: "skipped", hold: "held", fail: "failed" } as const;
        setReason(world, targetId, action.reason);
        world.set(targetId, { status: status[action.kind] });
      }
      break;
    case "endBake":
      for (const targetId of action.targetIds) world.set(targetId, { status: "succeeded" });
      break;
    case "startBake":
      setWave(world, action.wave, { bakeUntil: action.until });
      for (const { view } of world.targets.values()) {
        const isBaking = view.wave === action.wave && view.status === "baking";
        if (isBaking) later(Math.max(now, action.until) + world.plan.lookLagMs, "look", view.targetId);
      }
      break;
    case "startWave":
      setWave(world, action.wave, { startedAt: now });
      break;
    case "awaitApproval":
      setWave(world, action.wave, { approvalAskedAt: now });
      break;
    case "endWave":
      setWave(world, action.wave, { endedAt: now });
      break;
    default:
      carryOutWhole(world, action);
  }
  return 1;
}

function carryOutWhole(world: World, action: Action): void {
  const set = (change: Partial<RolloutView>) => {
    world.rollout = { ...world.rollout, ...change };
  };
  if (action.kind === "halt") set({ status: "halted" });
  if (action.kind === "stuck") set({ stuckSince: world.now });
  if (action.kind === "unstuck") set({ stuckSince: null });
  if (action.kind === "finish") set({ status: action.status, stuckSince: null });
  if (action.kind === "beginRollback") {
    set({ status: "rolling_back" });
    markForRollback(world, () => true);
  }
}

/** As the registry does it: what has not begun is skipped, what has is marked. */
export function markForRollback(world: World, within: (target: TargetView) => boolean): void {
  for (const { view, begun } of world.targets.values()) {
    if (!within(view)) continue;
    if (view.status === "pending") {
      setReason(world, view.targetId, "rolled back before it began");
      world.set(view.targetId, { status: "skipped" });
    }
    const isMarked = ["pending", "running", "baking", "succeeded", "failed", "skipped", "held"];
    if (begun > 0 && isMarked.includes(view.status)) {
      world.set(view.targetId, { rollbackRequested: true });
    }
  }
}

export function setReason(world: World, targetId: string, reason: string): void {
  const target = world.targets.get(targetId);
  if (target !== undefined) target.reason = reason;
}

export function setWave(world: World, number: number, change: Partial<WaveView>): void {
  const waves = world.rollout.waves.map((wave) => (wave.wave === number ? { ...wave, ...change } : wave));
  world.rollout = { ...world.rollout, waves };
}

function fateOf({ plan, begun }: WorldTarget): Fate {
  return plan.fates[Math.min(begun, plan.fates.length) - 1] ?? plan.fates[0];
}

function begin(world: World, targetId: string, kind: "start" | "rollBack", later: Later): void {
  const target = world.targets.get(targetId);
  if (target === undefined) throw new Error(`there is no target ${targetId}`);
  if (kind === "start") target.begun += 1;
  else target.rolledBack += 1;
  const fate = kind === "start" ? fateOf(target) : target.plan.rollback;
  const { health: _health, ...view } = target.view;
  const status = kind === "start" ? "running" : "rolling_back";
  target.view = { ...view, status, progressAt: world.now, endedAt: null };
  target.reason = null;
  later(world.now + fate.durationMs, "end", targetId);
}

function happen(world: World, { kind, targetId }: Event, later: Later): void {
  const target = world.targets.get(targetId);
  if (target === undefined || kind === "nudge") return;
  const { status } = target.view;
  if (kind === "end") end(world, target, later);
  if (kind === "end" || status !== "baking") return;
  const health = kind === "look" ? { healthy: true } : { healthy: false, reason: "its queue grows" };
  if (target.view.health?.healthy === false) return;
  world.set(targetId, { health: { ...health, checkedAt: world.now } });
}

function end(world: World, target: WorldTarget, later: Later): void {
  const { targetId, status } = target.view;
  world.rollout = { ...world.rollout, progressAt: world.now };
  const ended = { endedAt: world.now, progressAt: world.now };
  if (status === "rolling_back") {
    const failed = target.plan.rollback.outcome === "failed";
    target.value = failed ? "between" : "before";
    if (failed) target.reason = "it could not be rolled back";
    world.set(targetId, { ...ended, status: failed ? "failed" : "rolled_back", rollbackRequested: false });
    return;
  }
  const fate = fateOf(target);
  if (fate.outcome === "failed") {
    if (fate.leavesParts) target.value = "between";
    target.reason = "the image cannot be pulled";
    world.set(targetId, { ...ended, status: "failed" });
  } else if (fate.outcome === "unchanged" && target.value === "before") {
    world.set(targetId, { ...ended, status: "unchanged", rollbackRequested: false });
  } else {
    target.value = "after";
    world.set(targetId, { ...ended, status: "baking" });
    if (fate.unhealthyAfterMs !== undefined) later(world.now + fate.unhealthyAfterMs, "unhealthy", targetId);
  }
}
