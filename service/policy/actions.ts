import { isMutation, namesTenant } from "../../contract/route.ts";
import { OPERATION_IDS, type OperationId, routes } from "../../contract/routes.ts";

/**
 * What policies know actions by: every operation of the API is one, of the same name, and belongs to groups. A new route is grouped
 * by its method; only what a method does not tell is listed here.
 */
export const ACTION_GROUPS = ["read", "mutate", "lifecycle", "delete"] as const;
export type ActionGroup = (typeof ACTION_GROUPS)[number];

/** What moves a tenant from one state of its life to another, or changes what runs. */
const LIFECYCLE: ReadonlySet<string> = new Set<OperationId>([
  "tenantActivate",
  "tenantDeploy",
  "tenantReconfigure",
  "tenantSuspend",
  "tenantReactivate",
  "tenantArchive",
  "tenantRestore",
  "tenantDecommission",
  "tenantDecommissionUndo",
  "tenantRotateCredentials",
]);

/** What is gone afterwards, beside the routes whose method says so. */
const DELETES: ReadonlySet<string> = new Set<OperationId>(["tenantDecommission", "apiKeyRevoke"]);

/** Ended and kept, though their method says that they are deleted. */
const ENDED: ReadonlySet<string> = new Set<OperationId>(["windowDelete"]);

export function groupsOf(action: OperationId): readonly ActionGroup[] {
  const { role } = routes[action];
  // What an auditor may send with a body is a question too long for a query.
  if (!isMutation(routes[action]) || role === null || role === "auditor") return ["read"];
  const groups: ActionGroup[] = ["mutate"];
  if (LIFECYCLE.has(action)) groups.push("lifecycle");
  if (DELETES.has(action) || (routes[action].method === "delete" && !ENDED.has(action)))
    groups.push("delete");
  return groups;
}

export function isRead(action: OperationId): boolean {
  return groupsOf(action)[0] === "read";
}

/** Operations that name the tenant in their path have one for sure; tenantCreate has the one that would be made. */
export function isOnTenant(action: OperationId): boolean {
  return namesTenant(routes[action]) || action === "tenantCreate";
}

export const READ_ACTIONS: ReadonlySet<string> = new Set(OPERATION_IDS.filter(isRead));
