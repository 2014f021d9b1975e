import type { RolloutStatus } from "./vocabulary.ts";

/** The ends of a rollout. Retrying or rolling back takes an ended one up again. */
export const ROLLOUT_ENDS = [
  "succeeded",
  "failed",
  "cancelled",
  "rolled_back",
] as const satisfies RolloutStatus[];

/** Those that have their planes to themselves: no other rollout is under way there. */
export const ROLLOUT_UNDER_WAY = [
  "running",
  "paused",
  "halted",
  "rolling_back",
] as const satisfies RolloutStatus[];

export const ROLLOUT_ACTIONS = [
  "preview",
  "start",
  "pause",
  "resume",
  "cancel",
  "approve",
  "skip",
  "retry",
  "retarget",
  "rollback",
] as const;
export type RolloutAction = (typeof ROLLOUT_ACTIONS)[number];

/** In which statuses a person may ask for what. In any other the request is refused with `rollout_status`. */
const ALLOWED_IN: Readonly<Record<RolloutAction, readonly RolloutStatus[]>> = {
  preview: ["previewed", "paused", "halted", "failed"],
  start: ["previewed"],
  pause: ["running"],
  resume: ["paused", "halted"],
  cancel: ["previewing", "previewed", "queued", "running", "paused", "halted"],
  approve: ["previewed", "queued", "running", "paused", "halted"],
  skip: ["previewing", "previewed", "queued", "running", "paused", "halted"],
  retry: ["running", "paused", "halted", "succeeded", "failed"],
  retarget: ["running", "paused", "halted"],
  rollback: ["running", "paused", "halted", "rolling_back", "succeeded", "failed", "cancelled"],
};

export function mayAct(action: RolloutAction, status: RolloutStatus): boolean {
  return ALLOWED_IN[action].includes(status);
}

/** What the status allows, for the answer and for those who are refused. */
export function allowedActions(status: RolloutStatus): RolloutAction[] {
  return ROLLOUT_ACTIONS.filter((action) => mayAct(action, status));
}

export type RolloutEnd = (typeof ROLLOUT_ENDS)[number];

export function hasEnded(status: RolloutStatus): status is RolloutEnd {
  return (ROLLOUT_ENDS as readonly RolloutStatus[]).includes(status);
}
