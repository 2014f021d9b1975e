import { ProblemError } from "./errors.ts";
import type { TenantStatus } from "./vocabulary.ts";

/**
 * The one table of what a tenant's status allows. `finish_decommission` is the controller's, when nothing of the tenant
 * is left; the others are what people ask for. Activation of an active tenant is not in it: another plane or another
 * release for a tenant that runs is a deployment, which keeps the status.
 */
export const TENANT_TRANSITIONS = {
  draft: { activate: "active", decommission: "deleted" },
  active: { deploy: "active", suspend: "suspended", decommission: "decommissioning" },
  suspended: {
    deploy: "suspended",
    reactivate: "active",
    archive: "archived",
    decommission: "decommissioning",
  },
  archived: { restore: "active", decommission: "decommissioning" },
  decommissioning: { decommission: "decommissioning", finish_decommission: "deleted" },
  deleted: {},
} as const satisfies Record<TenantStatus, Record<string, TenantStatus>>;

export const TENANT_ACTIONS = [
  "activate",
  "deploy",
  "suspend",
  "reactivate",
  "archive",
  "restore",
  "decommission",
  "finish_decommission",
] as const;
export type TenantAction = (typeof TENANT_ACTIONS)[number];

export interface LegalTransition {
  readonly action: TenantAction;
  readonly to: TenantStatus;
}

export function legalTransitions(status: TenantStatus): LegalTransition[] {
  return Object.entries(TENANT_TRANSITIONS[status]).map(([action, to]) => ({
    action: action as TenantAction,
    to,
  }));
}

/** Where the action leads, or undefined when the status does not allow it. */
export function nextStatus(status: TenantStatus, action: TenantAction): TenantStatus | undefined {
  return legalTransitions(status).find((transition) => transition.action === action)?.to;
}

/** Throws `illegal_transition` naming what would be legal. */
export function requireTransition(status: TenantStatus, action: TenantAction): TenantStatus {
  const to = nextStatus(status, action);
  if (to !== undefined) return to;
  const legal = legalTransitions(status).filter((transition) => transition.action !== "finish_decommission");
  const names = legal.map((transition) => transition.action).join(", ");
  throw new ProblemError("illegal_transition", {
    detail: `Cannot ${action} a tenant that is ${status}: its status allows ${names === "" ? "nothing more" : names}.`,
    hint: legal.length === 0 ? "Create a new tenant." : `Do one of: ${names}.`,
    errors: [{ path: "tenant.status", message: `does not allow ${action}`, value: status }],
    legalTransitions: legal,
  });
}
