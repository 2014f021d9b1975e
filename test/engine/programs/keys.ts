import aws from "@pulumi/aws";
import type { StackIdentity } from "../../../stacks/tenant/names.ts";
import { resourceTag } from "../../../stacks/tenant/resourceTag.ts";
import type { TenantSpec } from "../../../stacks/tenant/spec.ts";

/** One object that has no name: a second one is refused by nobody. */
export function tenantProgram(
  spec: TenantSpec,
  identity: StackIdentity,
): () => Promise<Record<string, unknown>> {
  const { tenantId } = spec.tenant;
  return async () => {
    const provider = new aws.Provider("aws", { region: "eu-west-1" });
    const tags = { "tenantry:tenant-id": tenantId };
    const transformations = [resourceTag(identity.stack)];
    const key = new aws.kms.Key("data", { description: "data", tags }, { provider, transformations });
    return { tenantId, keyArn: key.arn };
  };
}
