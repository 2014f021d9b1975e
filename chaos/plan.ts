import { nextStatus } from "../contract/lifecycle.ts";
import type { TenantStatus } from "../contract/vocabulary.ts";
import type { Random } from "./random.ts";

/**
 * What will be done, from the seed alone: which lives the tenants lead and which kinds of kill follow each other. When
 * each of it happens, and which step a kill meets, is up to the machine and differs from run to run.
 */

export type Action =
  | "activate"
  | "deploy"
  | "suspend"
  | "reactivate"
  | "archive"
  | "restore"
  | "repair"
  | "decommission";

export interface Deed {
  readonly action: Action;
  /** Where the tenant is afterwards. */
  readonly to: TenantStatus;
  /** Somebody changes their mind while it runs; then it is asked for again. */
  readonly cancel: boolean;
  /** For what is left to chance within an action. */
  readonly dice: number;
}

/** What may follow in each status, and how often. Ends are rare enough that most lives have a middle. */
const WEIGHTS: Readonly<Partial<Record<TenantStatus, Readonly<Partial<Record<Action, number>>>>>> = {
  draft: { activate: 1 },
  active: { deploy: 3, suspend: 4, repair: 3, decommission: 1 },
  suspended: { reactivate: 3, archive: 4, decommission: 1 },
  archived: { restore: 4, decommission: 1 },
};
const CANCEL_CHANCE = 0.06;

/** The life of one tenant from its draft to its end; `able` is what the service under test knows. */
export function* life(random: Random, able: ReadonlySet<Action>): Generator<Deed, void> {
  let status: TenantStatus = "draft";
  while (status !== "deleted") {
    const known = Object.entries(WEIGHTS[status] ?? {}).filter(([action]) => able.has(action as Action));
    const action = random.weighted<Action>(Object.fromEntries(known));
    status = statusAfter(status, action);
    yield { action, to: status, cancel: random.next() < CANCEL_CHANCE, dice: random.next() };
  }
}

function statusAfter(status: TenantStatus, action: Action): TenantStatus {
  if (action === "repair") return status;
  if (action === "decommission") return "deleted";
  const next = nextStatus(status, action);
  if (next === undefined || next === "before")
    throw new Error(`Cannot plan: ${action} must be legal for a tenant that is ${status}`);
  return next;
}

export const VICTIMS = ["service", "worker", "cli", "cloud", "host", "partition", "database"] as const;
export type Victim = (typeof VICTIMS)[number];

/** In each round every kind comes as often as its weight, in an order of its own. */
const ROUND: Readonly<Record<Victim, number>> = {
  service: 4,
  worker: 2,
  cli: 2,
  cloud: 2,
  host: 2,
  partition: 1,
  database: 1,
};

export function killPlan(random: Random, kills: number, victims: readonly Victim[]): Victim[] {
  const round = victims.flatMap((victim) => Array<Victim>(ROUND[victim]).fill(victim));
  const plan: Victim[] = [];
  while (plan.length < kills) plan.push(...random.shuffled(round));
  return plan.slice(0, kills);
}
