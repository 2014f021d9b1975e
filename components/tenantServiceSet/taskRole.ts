import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { type PolicyDocument, taskTrustPolicy } from "../policyDocument.ts";
import type { Tags } from "../tags.ts";
import type { TenantBuild } from "./tenantArgs.ts";

export interface TaskRole {
  readonly role: aws.iam.Role;
  readonly policy: aws.iam.RolePolicy;
}

/** A role that only ECS tasks wear, under the plane's boundary, with one policy of its own. */
export function createTaskRole(
  build: TenantBuild,
  logicalName: string,
  name: string,
  policy: pulumi.Output<PolicyDocument>,
  tags: Tags,
): TaskRole {
  const { location, plane } = build.args;
  const role = new aws.iam.Role(
    logicalName,
    {
      name,
      path: plane.tenantRolePath,
      permissionsBoundary: plane.tenantBoundaryArn,
      assumeRolePolicy: JSON.stringify(taskTrustPolicy(location)),
      tags,
    },
    build.named(),
  );
  const rolePolicy = new aws.iam.RolePolicy(
    logicalName,
    { name: "own-resources", role: role.name, policy: policy.apply((document) => JSON.stringify(document)) },
    build.named(),
  );
  return { role, policy: rolePolicy };
}
