import { hasEnded, mayAct, type RolloutAction } from "../../contract/rolloutActions.ts";
import { markForRollback, setReason, setWave, type World, type WorldTarget } from "./world.ts";

/** What a person does to a rollout in virtual time, with the rules the registry has for it; `pick` chooses whom or what it is done to. */
export interface Deed {
  readonly at: number;
  readonly action: Exclude<RolloutAction, "preview" | "start">;
  readonly pick: number;
}

/** False when the status does not allow it. */
export function act(world: World, { action, pick }: Omit<Deed, "at">): boolean {
  const { status, cancelRequested } = world.rollout;
  if (!mayAct(action, status)) return false;
  if (cancelRequested && !hasEnded(status) && action !== "rollback") return false;
  DEEDS[action](world, pick);
  world.rollout = { ...world.rollout, progressAt: world.now };
  world.drive();
  return true;
}

const DEEDS: Readonly<Record<Deed["action"], (world: World, pick: number) => void>> = {
  pause: (world) => setStatus(world, "paused"),
  resume: (world) => setStatus(world, "running"),
  cancel: (world) => {
    world.rollout = { ...world.rollout, cancelRequested: true };
  },
  approve: (world, pick) => setWave(world, 1 + (pick % world.plan.waves.length), { approvedAt: world.now }),
  skip: (world, pick) => {
    const able = [...world.targets.values()].filter(({ view }) =>
      ["pending", "held", "failed"].includes(view.status),
    );
    const chosen = able[pick % Math.max(1, able.length)];
    if (chosen === undefined) return;
    setReason(world, chosen.view.targetId, "somebody said so");
    world.set(chosen.view.targetId, { status: "skipped", rollbackRequested: false });
  },
  retry: (world) => {
    tryAgain(world);
    const status = world.rollout.status === "paused" ? "paused" : "running";
    world.rollout = { ...world.rollout, status, cancelRequested: false, endedAs: null };
  },
  // The new preview takes no time here: what is under test goes on while it lasts as it does in a pause.
  retarget: (world) => {
    tryAgain(world);
    setStatus(world, "previewing");
    world.drive();
    setStatus(world, "running");
  },
  rollback: (world, pick) => {
    const target = [...world.targets.values()][pick % world.targets.size]?.view;
    const scope = pick % 3;
    if (scope === 0) markForRollback(world, () => true);
    if (scope === 1) markForRollback(world, ({ wave }) => wave === target?.wave);
    if (scope === 2) markForRollback(world, ({ targetId }) => targetId === target?.targetId);
    const { status } = world.rollout;
    if (scope === 0) world.rollout = { ...world.rollout, status: "rolling_back", endedAs: null };
    else if (hasEnded(status)) world.rollout = { ...world.rollout, status: "rolling_back", endedAs: status };
  },
};

function setStatus(world: World, status: World["rollout"]["status"]): void {
  world.rollout = { ...world.rollout, status };
}

function tryAgain(world: World): void {
  for (const target of world.targets.values()) {
    if (target.view.status !== "failed") continue;
    again(world, target);
    setWave(world, target.view.wave, { bakeUntil: null, endedAt: null });
  }
}

function again({ set }: World, target: WorldTarget): void {
  const { health: _health, ...view } = target.view;
  target.view = view;
  target.reason = null;
  set(view.targetId, { status: "pending", rollbackRequested: false, endedAt: null });
}

/** What somebody patient does in the end, so that nothing waits for ever. False when there is nobody to wait for. */
export function letGoOn(world: World, pick: number): boolean {
  const { status, waves } = world.rollout;
  if (status === "paused") return act(world, { action: "resume", pick });
  if (status === "halted") {
    const action = (["cancel", "rollback", "retry"] as const)[pick % 3] ?? "cancel";
    // A retry of what fails each time would never end.
    return act(world, action === "retry" && pick > 9 ? { action: "cancel", pick } : { action, pick: 0 });
  }
  const asked = waves.find(
    ({ approvalAskedAt, approvedAt }) => approvalAskedAt !== null && approvedAt === null,
  );
  if (asked !== undefined && status === "running")
    return act(world, { action: "approve", pick: asked.wave - 1 });
  return openWindows(world);
}

function openWindows(world: World): boolean {
  let opened = false;
  for (const target of world.targets.values()) {
    if (target.plan.opensAt === undefined) continue;
    const { opensAt: _opensAt, ...plan } = target.plan;
    Object.assign(target, { plan });
    opened = true;
  }
  if (opened) world.drive();
  return opened;
}
