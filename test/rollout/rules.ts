import type { Action } from "../../service/rollout/decide/action.ts";
import { decide } from "../../service/rollout/decide/decide.ts";
import type { RolloutView, TargetView, WaveView } from "../../service/rollout/decide/view.ts";
import type { Watch, World } from "./world.ts";

/**
 * The rules of a rollout once more, written against what is seen rather than how it is decided: whoever breaks one throws. Asked at every
 * decision of a world.
 */
export function createWatch(): Watch {
  const endedOnce = new Set<number>();
  let settled = false;
  return (world, actions, refused, isAgain) => {
    const scene = sceneOf(world, endedOnce);
    for (const action of actions) checkAction(scene, action);
    const all = decide(world.rollout, [...scene.views.values()], world.now);
    must(same(all, actions), "what has ended for good changes a decision", { all, actions });
    const acts = actions.filter(({ kind }) => kind !== "wakeAt");
    must(!(isAgain && settled) || acts.length === 0, "something is decided again", acts);
    settled = refused.size === 0 && acts.every(({ kind }) => kind !== "beginRollback");
  };
}

/** The world while the actions of one decision are carried out one after the other. */
interface Scene {
  readonly world: World;
  readonly views: ReadonlyMap<string, TargetView>;
  readonly statuses: Map<string, TargetView["status"]>;
  readonly startedNow: Set<number>;
  readonly bakesNow: Map<number, number>;
  readonly endedOnce: Set<number>;
}

function sceneOf(world: World, endedOnce: Set<number>): Scene {
  const views = new Map(world.view("all").map((view) => [view.targetId, view]));
  const statuses = new Map([...views].map(([targetId, { status }]) => [targetId, status]));
  return { world, views, statuses, startedNow: new Set(), bakesNow: new Map(), endedOnce };
}

function must(holds: boolean, rule: string, seen: unknown): void {
  if (!holds) throw new Error(`${rule}: ${JSON.stringify(seen)}`);
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

const MOVES = {
  start: { from: ["pending"], to: "running" },
  skip: { from: ["pending"], to: "skipped" },
  hold: { from: ["pending"], to: "held" },
  fail: { from: ["baking"], to: "failed" },
  endBake: { from: ["baking"], to: "succeeded" },
  rollBack: { from: ["baking", "succeeded", "failed", "skipped", "held"], to: "rolling_back" },
} as const satisfies Partial<Record<Action["kind"], unknown>>;

function checkAction(scene: Scene, action: Action): void {
  if (action.kind === "startWave") checkWaveStart(scene, action.wave);
  if (action.kind === "awaitApproval") checkForward(scene);
  if (action.kind === "startBake" || action.kind === "endWave") checkWaveQuiet(scene, action);
  if (action.kind === "startBake") scene.bakesNow.set(action.wave, action.until);
  if (!("targetIds" in action) || action.kind === "stuck") return;
  const { from, to } = MOVES[action.kind];
  for (const targetId of action.targetIds) {
    const view = scene.views.get(targetId);
    const status = scene.statuses.get(targetId);
    if (view === undefined || status === undefined)
      throw new Error(`an action names a stranger: ${targetId}`);
    must((from as readonly string[]).includes(status), "a target is moved from a wrong status", {
      action,
      view,
    });
    if (action.kind === "start") checkStart(scene, view);
    if (action.kind === "rollBack") checkRollBack(view);
    if (action.kind === "endBake") checkBakeEnd(scene, view);
    scene.statuses.set(targetId, to);
  }
  if (action.kind === "start" || action.kind === "rollBack") checkConcurrency(scene, action.targetIds);
  if (action.kind === "start") checkTolerance(scene, action.wave);
}

function checkForward({ world: { rollout } }: Scene): void {
  const forward = rollout.status === "running" && !rollout.cancelRequested;
  must(forward, "something begins while nothing may", rollout);
}

function checkWaveStart(scene: Scene, number: number): void {
  checkForward(scene);
  const { rollout } = scene.world;
  const wave = waveOf(rollout, number);
  must(!wave.approval || wave.approvedAt !== null, "a wave begins without approval", wave);
  must(wave.startedAt === null && !scene.startedNow.has(number), "a wave begins twice", wave);
  for (const before of rollout.waves.slice(0, number - 1)) {
    const ended = before.endedAt !== null || scene.endedOnce.has(before.wave);
    must(ended, "a wave begins before those in front of it have ended", rollout);
  }
  scene.startedNow.add(number);
}

function checkWaveQuiet(scene: Scene, action: Action & { readonly wave: number }): void {
  const busy = ["pending", "running", "rolling_back", ...(action.kind === "endWave" ? ["baking"] : [])];
  for (const [targetId, { wave }] of scene.views) {
    const isBusy = wave === action.wave && busy.includes(scene.statuses.get(targetId) ?? "");
    must(!isBusy, "a wave bakes or ends before its last target has ended", { action, targetId });
  }
  if (action.kind === "endWave") scene.endedOnce.add(action.wave);
}

function checkStart(scene: Scene, view: TargetView): void {
  checkForward(scene);
  const { rollout, now } = scene.world;
  const wave = waveOf(rollout, view.wave);
  const open = (wave.startedAt !== null || scene.startedNow.has(view.wave)) && wave.endedAt === null;
  must(open, "a target begins outside of its wave", { view, wave });
  must(view.breakerOpen !== true, "a target begins past an open breaker", view);
  must(view.held === undefined && view.skip === undefined, "a target begins that is to be left alone", view);
  const { mayStartAt } = view;
  const inWindow = mayStartAt === undefined || (mayStartAt !== "closed" && mayStartAt <= now);
  must(inWindow || rollout.emergency, "a target begins in a freeze", view);
}

function checkRollBack(view: TargetView): void {
  must(view.rollbackRequested, "nobody asked for a rollback", view);
}

function checkBakeEnd({ world: { rollout, now }, bakesNow }: Scene, view: TargetView): void {
  const begun = bakesNow.get(view.wave) ?? waveOf(rollout, view.wave).bakeUntil;
  const bakeUntil = begun ?? Number.POSITIVE_INFINITY;
  must(bakeUntil <= now, "a bake ends early", view);
  must(view.health?.healthy === true && view.health.checkedAt >= bakeUntil, "a bake ends unseen", view);
}

/** Once all of it is carried out: no more in the whole rollout than the most generous of the waves that something begins in has. */
function checkConcurrency({ world, views, statuses }: Scene, targetIds: readonly string[]): void {
  const underWay = [...statuses.values()].filter((is) => is === "running" || is === "rolling_back").length;
  const waves = targetIds.map((targetId) => waveOf(world.rollout, views.get(targetId)?.wave ?? 0));
  const most = Math.max(...waves.map(mostAtOnce));
  must(underWay <= most, "more are under way than may be", { underWay, most, targetIds });
}

function checkTolerance({ world, views, statuses }: Scene, number: number): void {
  const of = (wave: number, status: string) =>
    [...statuses].filter(([targetId, is]) => is === status && views.get(targetId)?.wave === wave).length;
  for (const wave of world.rollout.waves) {
    const failed = of(wave.wave, "failed");
    must(failed <= tolerated(wave), "a target begins though a wave has had too many failures", wave);
  }
  const wave = waveOf(world.rollout, number);
  if (wave.concurrencyMode === "soft") return;
  const running = of(number, "running");
  const left = tolerated(wave) - of(number, "failed");
  must(running <= left + 1, "more run than the tolerance allows", { wave, running, left });
}

export function mostAtOnce({ maxConcurrency, size }: WaveView): number {
  return Math.max(1, share(maxConcurrency, size));
}

export function tolerated({ failureTolerance, size }: WaveView): number {
  return share(failureTolerance, size);
}

function share(amount: number | string, size: number): number {
  return typeof amount === "number" ? amount : Math.floor((Number(amount.replace("%", "")) * size) / 100);
}

function waveOf({ waves }: RolloutView, number: number): WaveView {
  const wave = waves[number - 1];
  if (wave === undefined) throw new Error(`an action names a wave that is not there: ${number}`);
  return wave;
}
