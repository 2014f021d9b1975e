import type { Connector } from "../../contract/connector.ts";
import { enabledAt } from "../../contract/entitlementEvaluation.ts";
import { ProblemError } from "../../contract/errors.ts";
import { bundleFind } from "../../registry/entitlement.ts";
import type { Reader } from "../../registry/registry.ts";

/** What a tenant may do at a time, read once for however many questions. */
export async function entitledAt(
  db: Reader,
  tenantId: string,
  at: string,
): Promise<(capability: string) => boolean> {
  const entitlements = (await bundleFind(db, tenantId))?.content.entitlements ?? {};
  return (capability) => Object.hasOwn(entitlements, capability) && enabledAt(entitlements[capability], at);
}

export async function refuseUnentitled(
  db: Reader,
  tenantId: string,
  { name, capability }: Connector,
  at: string,
): Promise<void> {
  if ((await entitledAt(db, tenantId, at))(capability)) return;
  throw new ProblemError("not_entitled", {
    detail: `Cannot connect ${name}: the tenant must be entitled to ${capability}, and is not.`,
    hint: `Bind the tenant to a plan that has ${capability}, or set an override with POST /v1/control-plane/tenants/${tenantId}/entitlements.`,
    errors: [{ path: "body.connectorKey", message: `needs the capability ${capability}` }],
  });
}
