import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { policyDocument } from "../policyDocument.ts";
import { automationPolicy } from "./automationPolicy.ts";
import { tenantBoundary } from "./boundary.ts";
import { controllerDataPolicy } from "./controllerDataPolicy.ts";
import { controllerEntryPolicy, controllerNetworkPolicy } from "./controllerNetworkPolicy.ts";
import {
  type ControllerScope,
  controllerResourcesPolicy,
  controllerRolesPolicy,
} from "./controllerPolicies.ts";
import type { ControllerArgs, PlaneBuild } from "./planeArgs.ts";
import { planeNames } from "./planeNames.ts";

export interface AccessParts {
  readonly vpcId: pulumi.Output<string>;
  readonly cluster: aws.ecs.Cluster;
  readonly namespaceArn: pulumi.Output<string>;
  readonly dataBucketArn: pulumi.Output<string>;
  readonly kmsKeyArn: pulumi.Output<string>;
  readonly dnsZoneId: pulumi.Output<string>;
  readonly archiveBucketArn: pulumi.Output<string>;
  readonly snapshotBucketArn: pulumi.Output<string>;
  readonly databaseClusterArn: pulumi.Output<string>;
}

export interface Access {
  readonly boundary: aws.iam.Policy;
  readonly controllerRole: aws.iam.Role;
  readonly automationRole: aws.iam.Role;
}

/**
 * The line no tenant role crosses, the role that may create tenant roles behind it, and the role that works with what is
 * in the tenants' resources.
 */
export function createAccess(build: PlaneBuild, parts: AccessParts): Access {
  const { args } = build;
  const { location, environment, planeName, tags } = args;
  const names = planeNames(planeName, location.accountId);
  const boundary = new aws.iam.Policy(
    "tenant-boundary",
    {
      name: names.boundaryName,
      path: names.rolePath,
      description: "The most that a tenant role of this plane can do",
      policy: pulumi
        .all([parts.dataBucketArn, parts.kmsKeyArn])
        .apply(([dataBucketArn, kmsKeyArn]) =>
          JSON.stringify(tenantBoundary({ location, environment, planeName, dataBucketArn, kmsKeyArn })),
        ),
      tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  const controllerRole = new aws.iam.Role(
    "controller",
    {
      name: names.controllerRoleName,
      path: names.rolePath,
      description: "Runs the stacks of this plane's tenants",
      assumeRolePolicy: JSON.stringify(controllerTrust(args.controller)),
      tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  createControllerPolicies(build, parts, boundary, controllerRole);
  return { boundary, controllerRole, automationRole: createAutomation(build, parts) };
}

function createControllerPolicies(
  build: PlaneBuild,
  parts: AccessParts,
  boundary: aws.iam.Policy,
  role: aws.iam.Role,
): void {
  const { location, environment, planeName } = build.args;
  const { tenantRolePath } = planeNames(planeName, location.accountId);
  const scope = pulumi
    .all([
      boundary.arn,
      parts.vpcId,
      parts.cluster.arn,
      parts.cluster.name,
      parts.namespaceArn,
      parts.kmsKeyArn,
      parts.dnsZoneId,
    ])
    .apply(([boundaryArn, vpcId, clusterArn, clusterName, namespaceArn, kmsKeyArn, dnsZoneId]) => ({
      domain: build.args.domain,
      dnsZoneId,
      location,
      environment,
      planeName,
      tenantRolePath,
      boundaryArn,
      vpcId,
      clusterArn,
      clusterName,
      namespaceArn,
      kmsKeyArn,
    }));
  const policies = {
    "controller-roles": controllerRolesPolicy,
    "controller-resources": controllerResourcesPolicy,
  };
  for (const [name, document] of Object.entries(policies)) {
    new aws.iam.RolePolicy(
      name,
      { name, role: role.name, policy: scope.apply((known) => JSON.stringify(document(known))) },
      build.child({ deleteBeforeReplace: true }),
    );
  }
  attachOwnPolicies(build, role, scope);
}

/** Inline policies of a role share a limit; what only tenants with something of their own need is attached. */
function attachOwnPolicies(
  build: PlaneBuild,
  role: aws.iam.Role,
  scope: pulumi.Output<ControllerScope>,
): void {
  const names = planeNames(build.args.planeName, build.args.location.accountId);
  const policies = {
    "controller-data": controllerDataPolicy,
    "controller-entry": controllerEntryPolicy,
    "controller-network": controllerNetworkPolicy,
  };
  for (const [name, document] of Object.entries(policies)) {
    const policy = new aws.iam.Policy(
      name,
      {
        name: `${names.name}-${name}`,
        path: names.rolePath,
        description: "For tenants that have something of their own",
        policy: scope.apply((known) => JSON.stringify(document(known))),
        tags: build.args.tags,
      },
      build.child({ deleteBeforeReplace: true }),
    );
    new aws.iam.RolePolicyAttachment(
      name,
      { role: role.name, policyArn: policy.arn },
      build.child({ deleteBeforeReplace: true }),
    );
  }
}

function createAutomation(build: PlaneBuild, parts: AccessParts): aws.iam.Role {
  const { location, environment, planeName, tags, controller } = build.args;
  const names = planeNames(planeName, location.accountId);
  const role = new aws.iam.Role(
    "automation",
    {
      name: names.automationRoleName,
      path: names.rolePath,
      description: "Works with the data of this plane's tenants",
      // Assumed by whoever may assume the controller: the control service.
      assumeRolePolicy: JSON.stringify(controllerTrust(controller)),
      tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  const scope = pulumi
    .all([
      parts.cluster.name,
      parts.databaseClusterArn,
      parts.dataBucketArn,
      parts.archiveBucketArn,
      parts.snapshotBucketArn,
      parts.kmsKeyArn,
    ])
    .apply(
      ([clusterName, databaseClusterArn, dataBucketArn, archiveBucketArn, snapshotBucketArn, kmsKeyArn]) => ({
        ...{ location, environment, planeName, clusterName, databaseClusterArn },
        ...{ dataBucketArn, archiveBucketArn, snapshotBucketArn, kmsKeyArn },
      }),
    );
  new aws.iam.RolePolicy(
    "automation",
    {
      name: "automation",
      role: role.name,
      policy: scope.apply((known) => JSON.stringify(automationPolicy(known))),
    },
    build.child({ deleteBeforeReplace: true }),
  );
  return role;
}

function controllerTrust({ trustedPrincipals, externalId }: ControllerArgs) {
  return policyDocument([
    {
      Sid: "Controller",
      Effect: "Allow",
      Principal: { AWS: trustedPrincipals },
      Action: "sts:AssumeRole",
      ...(externalId === undefined ? {} : { Condition: { StringEquals: { "sts:ExternalId": externalId } } }),
    },
  ]);
}
