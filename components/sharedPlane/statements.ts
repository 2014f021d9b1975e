import type { ConditionBlock, PolicyStatement } from "../policyDocument.ts";
import { TAG } from "../tags.ts";

/** What the statements of a plane's roles are made of. */

/** The resource to be made says that it is of this plane. */
export function requestOfPlane(planeName: string): ConditionBlock {
  return { StringEquals: { [`aws:RequestTag/${TAG.plane}`]: planeName } };
}

/** The resource is of this plane and a tenant's; the plane's own resources carry no tenant. */
export function tenantOfPlane(planeName: string) {
  return {
    StringEquals: { [`aws:ResourceTag/${TAG.plane}`]: planeName },
    Null: { [`aws:ResourceTag/${TAG.tenantId}`]: "false" },
  } satisfies ConditionBlock;
}

export function allow(
  sid: string,
  actions: readonly string[],
  resource: string | readonly string[],
  condition?: ConditionBlock,
): PolicyStatement {
  return {
    Sid: sid,
    Effect: "Allow",
    Action: actions,
    Resource: resource,
    ...(condition === undefined ? {} : { Condition: condition }),
  };
}
