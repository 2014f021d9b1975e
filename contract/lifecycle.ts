import { ProblemError } from "./errors.ts";
import type { TenantStatus } from "./vocabulary.ts";

/**
 * The one table of what a tenant's status allows. `finish_decommission` is the controller's, when nothing of the tenant
 * is left; the others are what people ask for. Activation of an active tenant is not in it: another plane or another
 * release for a tenant that runs is a deployment, which keeps the status. Undoing a decommissioning leads back to the
 * status the tenant had before it, which only the tenant's own record tells.
 */
export const BEFORE = "before";
export type TransitionGoal = TenantStatus | typeof BEFORE;

export const TENANT_TRANSITIONS = {
  draft: { update: "draft", activate: "active", delete: "deleted", decommission: "deleted" },
  active: {
    update: "active",
    deploy: "active",
    rotate_credentials: "active",
    suspend: "suspended",
    decommission: "decommissioning",
  },
  suspended: {
    update: "suspended",
    deploy: "suspended",
    rotate_credentials: "suspended",
    reactivate: "active",
    archive: "archived",
    decommission: "decommissioning",
  },
  archived: { update: "archived", restore: "active", decommission: "decommissioning" },
  decommissioning: {
    decommission: "decommissioning",
    undo_decommission: BEFORE,
    finish_decommission: "deleted",
  },
  deleted: {},
} as const satisfies Record<TenantStatus, Record<string, TransitionGoal>>;

export const TENANT_ACTIONS = [
  "update",
  "activate",
  "deploy",
  "rotate_credentials",
  "suspend",
  "reactivate",
  "archive",
  "restore",
  "decommission",
  "undo_decommission",
  "finish_decommission",
  "delete",
] as const;
export type TenantAction = (typeof TENANT_ACTIONS)[number];

/** How an action reads in a sentence. */
const WORDS: Readonly<Record<TenantAction, string>> = {
  update: "update",
  activate: "activate",
  deploy: "deploy",
  rotate_credentials: "rotate the credentials of",
  suspend: "suspend",
  reactivate: "reactivate",
  archive: "archive",
  restore: "restore",
  decommission: "decommission",
  undo_decommission: "undo the decommissioning of",
  finish_decommission: "finish the decommissioning of",
  delete: "delete",
};

export interface LegalTransition {
  readonly action: TenantAction;
  readonly to: TransitionGoal;
}

export function legalTransitions(status: TenantStatus): LegalTransition[] {
  return Object.entries(TENANT_TRANSITIONS[status]).map(([action, to]) => ({
    action: action as TenantAction,
    to,
  }));
}

/** Where the action leads, or undefined when the status does not allow it. */
export function nextStatus(status: TenantStatus, action: TenantAction): TransitionGoal | undefined {
  return legalTransitions(status).find((transition) => transition.action === action)?.to;
}

/** Throws `illegal_transition` naming what would be legal. Undoing has no status of its own to lead to. */
export function requireTransition(
  status: TenantStatus,
  action: Exclude<TenantAction, "undo_decommission">,
): TenantStatus {
  const to = nextStatus(status, action);
  if (to !== undefined && to !== BEFORE) return to;
  throw illegalTransition(status, action);
}

/** What is legal but asked of nobody is not offered. */
export function illegalTransition(status: TenantStatus, action: TenantAction): ProblemError {
  const legal = legalTransitions(status).filter((transition) => transition.action !== "finish_decommission");
  const names = legal.map((transition) => transition.action).join(", ");
  return new ProblemError("illegal_transition", {
    detail: `Cannot ${WORDS[action]} a tenant that is ${status}: its status allows ${names === "" ? "nothing more" : names}.`,
    hint: legal.length === 0 ? "Create a new tenant." : `Do one of: ${names}.`,
    errors: [{ path: "tenant.status", message: `does not allow ${action}`, value: status }],
    legalTransitions: legal,
  });
}
