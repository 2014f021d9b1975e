import { nextStatus } from "../contract/lifecycle.ts";
import type { OperationKind, TenantStatus } from "../contract/vocabulary.ts";
import type { Random } from "./random.ts";

/**
 * What will be done, from the seed: which lives the tenants lead and which kinds of kill follow each other. When
 * each of it happens, and which step a kill meets, is up to the machine and differs from run to run. So that rare operations
 * come often enough to be met, a life can be drawn towards some of them; undrawn it follows from the seed alone.
 */

export type Action =
  | "activate"
  | "deploy"
  | "suspend"
  | "reactivate"
  | "archive"
  | "restore"
  | "repair"
  | "rotate"
  | "regret"
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

/** The operation that each action leads to; to regret is to decommission and to undo it, which suspends and reactivates. */
export const ACTION_OF: Readonly<Record<OperationKind, Action>> = {
  tenant_activate: "activate",
  tenant_deploy: "deploy",
  tenant_suspend: "suspend",
  tenant_reactivate: "reactivate",
  tenant_archive: "archive",
  tenant_restore: "restore",
  tenant_rotate_credentials: "rotate",
  tenant_decommission: "decommission",
  drift_repair: "repair",
};

/** What may follow in each status, and how often. Ends are rare enough that most lives have a middle. */
const WEIGHTS: Readonly<Partial<Record<TenantStatus, Readonly<Partial<Record<Action, number>>>>>> = {
  draft: { activate: 1 },
  active: { deploy: 2, suspend: 4, repair: 1, rotate: 2, regret: 1, decommission: 1 },
  suspended: { reactivate: 3, archive: 4, rotate: 1, regret: 1, decommission: 1 },
  archived: { restore: 4, decommission: 1 },
};
const CANCEL_CHANCE = 0.06;
/** How much more likely the next deed is one that leads to where the life is drawn. */
const DRAWN = 6;

/** The life of one tenant from its draft to its end. */
export function* life(
  random: Random,
  drawnTo: () => ReadonlySet<Action> = () => new Set(),
): Generator<Deed, void> {
  let status: TenantStatus = "draft";
  while (status !== "deleted") {
    const ways = waysTo(status, drawnTo());
    const weights = Object.entries(WEIGHTS[status] ?? {}).map(
      ([action, weight]) => [action, ways.has(action as Action) ? DRAWN * weight : weight] as const,
    );
    const action = random.weighted<Action>(Object.fromEntries(weights));
    status = statusAfter(status, action);
    yield { action, to: status, cancel: random.chance(CANCEL_CHANCE), dice: random.next() };
  }
}

/** The first deeds of the shortest ways from a status to each of the actions, in a life of its own or the next. */
export function waysTo(status: TenantStatus, goals: ReadonlySet<Action>): ReadonlySet<Action> {
  return new Set([...goals].flatMap((goal) => wayTo(status, goal) ?? []));
}

function wayTo(status: TenantStatus, goal: Action): Action | undefined {
  const known = new Set<TenantStatus>([status]);
  let paths: { readonly at: TenantStatus; readonly first: Action | undefined }[] = [
    { at: status, first: undefined },
  ];
  while (paths.length > 0) {
    const next: typeof paths = [];
    for (const { at, first } of paths) {
      for (const action of Object.keys(WEIGHTS[at] ?? {}) as Action[]) {
        if (action === goal) return first ?? action;
        const after = statusAfter(at, action);
        // Whoever is gone is followed by a new draft.
        const then = after === "deleted" ? "draft" : after;
        if (known.has(then)) continue;
        known.add(then);
        next.push({ at: then, first: first ?? action });
      }
    }
    paths = next;
  }
  return undefined;
}

function statusAfter(status: TenantStatus, action: Action): TenantStatus {
  if (action === "repair" || action === "rotate" || action === "regret") return status;
  if (action === "decommission") return "deleted";
  const next = nextStatus(status, action);
  if (next === undefined || next === "before")
    throw new Error(`Cannot plan: ${action} must be legal for a tenant that is ${status}`);
  return next;
}

export const VICTIMS = ["service", "worker", "cli", "cloud", "host", "partition", "database"] as const;
export type Victim = (typeof VICTIMS)[number];

/**
 * In each round every kind comes as often as its weight, in an order of its own. Only service, cloud, host and database are
 * there during every step, so they come most; a worker or a CLI runs during few kinds of steps.
 */
const ROUND: Readonly<Record<Victim, number>> = {
  service: 12,
  worker: 1,
  cli: 1,
  cloud: 5,
  host: 3,
  partition: 1,
  database: 1,
};

export function killPlan(random: Random, kills: number, victims: readonly Victim[]): Victim[] {
  const round = victims.flatMap((victim) => Array<Victim>(ROUND[victim]).fill(victim));
  const plan: Victim[] = [];
  while (plan.length < kills) plan.push(...random.shuffled(round));
  return plan.slice(0, kills);
}
