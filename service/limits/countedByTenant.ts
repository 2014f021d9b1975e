import { namesTenant } from "../../contract/route.ts";
import { type OperationId, routes } from "../../contract/routes.ts";

/** Whether requests of the operation are counted for a tenant: the one that its path names. A bound on any other would never be reached. */
export function isCountedByTenant(operationId: string): boolean {
  return Object.hasOwn(routes, operationId) && namesTenant(routes[operationId as OperationId]);
}
