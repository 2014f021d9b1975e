import type { OperationId } from "../../contract/routes.ts";
import type { PolicyFacts } from "../policy/facts.ts";
import type { RequestContext } from "./context.ts";

/** The policies' half of `authorize`: asked once the role has been found to do. */
export async function refuseByPolicy(
  context: RequestContext,
  action: OperationId,
  _tenantId: string | undefined,
  facts: PolicyFacts,
): Promise<void> {
  context.policy.decide({ principal: context.principal, action, facts, now: new Date() });
}
