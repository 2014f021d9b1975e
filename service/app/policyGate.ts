import type { OperationId } from "../../contract/routes.ts";
import type { PolicyFacts } from "../policy/facts.ts";
import type { RequestContext } from "./context.ts";

/** The policies' half of `authorize`: asked once the role has been found to do. */
export async function refuseByPolicy(
  _context: RequestContext,
  _action: OperationId,
  _tenantId: string | undefined,
  _facts: PolicyFacts,
): Promise<void> {}
