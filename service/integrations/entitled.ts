import type { Connector } from "../../contract/connector.ts";
import { enabledAt } from "../../contract/entitlementEvaluation.ts";
import { ProblemError } from "../../contract/errors.ts";
import type { OperationId } from "../../contract/routes.ts";
import { bundleFind } from "../../registry/entitlement.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { Overtaken } from "../app/overtaken.ts";

/** What a tenant may do at a time, read once for however many questions. */
export async function entitledAt(
  db: Reader,
  tenantId: string,
  at: string,
): Promise<(capability: string) => boolean> {
  const entitlements = (await bundleFind(db, tenantId))?.content.entitlements ?? {};
  return (capability) => Object.hasOwn(entitlements, capability) && enabledAt(entitlements[capability], at);
}

/** A denial, and on record as such: it is known only inside the change, and recorded when that has been taken back. */
export async function refuseUnentitled(
  change: Change,
  action: OperationId,
  tenantId: string,
  { name, capability }: Connector,
): Promise<void> {
  if ((await entitledAt(change.db, tenantId, change.now))(capability)) return;
  const problem = new ProblemError("not_entitled", {
    detail: `Cannot connect ${name}: the tenant must be entitled to ${capability}, and is not.`,
    hint: `Bind the tenant to a plan that has ${capability}, or set an override with POST /v1/control-plane/tenants/${tenantId}/entitlements.`,
    errors: [{ path: "body.connectorKey", message: `needs the capability ${capability}` }],
  });
  throw new Overtaken([{ action, tenantId, counted: "entitlement", details: { capability } }], problem);
}
