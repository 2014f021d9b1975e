import { ProblemError } from "../../contract/errors.ts";
import { type OperationId, routes } from "../../contract/routes.ts";
import { API_KEY_ROLES, type ApiKeyRole } from "../../contract/vocabulary.ts";
import type { RequestContext } from "./context.ts";

/**
 * The first line of every function that does something for a caller. A role may do what its route asks for and what lesser roles
 * may; whoever has none may do nothing. Denials go into the audit chain, in a transaction of their own; a
 * denial that cannot be recorded is still a denial.
 */
export async function authorize(
  context: RequestContext,
  action: OperationId,
  subject?: { readonly type: string; readonly id: string; readonly tenantId?: string },
): Promise<void> {
  const needed = routes[action].role;
  if (needed === null || roleCovers(context.principal.role, needed)) return;
  context.metrics.denials.inc({ reason: "forbidden" });
  await recordDenial(context, action, subject);
  throw new ProblemError("forbidden", {
    detail: `Cannot ${action}: it needs the role ${needed}, the key ${context.principal.name} has ${context.principal.role}.`,
    hint: `Use a key with the role ${needed}, or ask an admin to make one.`,
  });
}

export function roleCovers(held: ApiKeyRole | null, needed: ApiKeyRole): boolean {
  return held !== null && API_KEY_ROLES.indexOf(held) >= API_KEY_ROLES.indexOf(needed);
}
