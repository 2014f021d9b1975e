/** The controller's role builds what a tenant has of its own, and nothing of the plane; its policies fit. */
import { beforeAll, describe, expect, it } from "vitest";
import { controllerDataPolicy } from "../../components/sharedPlane/controllerDataPolicy.ts";
import {
  controllerEntryPolicy,
  controllerNetworkPolicy,
} from "../../components/sharedPlane/controllerNetworkPolicy.ts";
import {
  controllerResourcesPolicy,
  controllerRolesPolicy,
} from "../../components/sharedPlane/controllerPolicies.ts";
import { recordWithMocks } from "../../components/testing/pulumiMocks.ts";
import { ACCOUNT, type Access, allowed } from "./evaluator.ts";
import { fleetMember, type Member, type Plane, planeFacts, policyLength, SETUP_TIMEOUT_MS } from "./fleet.ts";

recordWithMocks();

describe("the controller's role", () => {
  let dev: Plane;
  let tenant: Member;
  beforeAll(async () => {
    dev = await planeFacts("dev");
    const planes = new Map([["dev", dev]]);
    tenant = await fleetMember(planes, "dev", "00000000-0000-4000-8000-000000000001", "acme");
  }, SETUP_TIMEOUT_MS);

  const can = (access: Access) => allowed(dev.controller, undefined, access);
  const at = (service: string, resource: string) => `arn:aws:${service}:eu-west-1:${ACCOUNT}:${resource}`;
  const ofPlane = { "aws:ResourceTag/tenantry:plane": "dev-eu-west-1" };
  const ofTenant = () => ({ ...ofPlane, "aws:ResourceTag/tenantry:tenant-id": tenant.spec.tenant.tenantId });

  it("makes and unmakes what a tenant has of its own", async () => {
    const { own, services } = tenant.layout;
    const requested = { "aws:RequestTag/tenantry:plane": "dev-eu-west-1" };
    const ec2 = (kind: string) => at("ec2", `${kind}/${kind}-0123456789abcdef0`);
    const lb = (resource: string) => at("elasticloadbalancing", resource);
    const inCluster = at("ecs", `service/${own.clusterName}/${services["iam-service"].serviceName}`);
    const bucket = `arn:aws:s3:::${own.bucketName}`;
    const record = (name: string) => ({
      action: "route53:ChangeResourceRecordSets",
      resource: `arn:aws:route53:::hostedzone/${dev.outputs.dnsZoneId}`,
      context: {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name],
        "route53:ChangeResourceRecordSetsRecordTypes": ["A"],
      },
    });
    const work: Access[] = [
      { action: "s3:CreateBucket", resource: bucket },
      { action: "s3:PutBucketPolicy", resource: bucket },
      { action: "s3:DeleteObjectVersion", resource: `${bucket}/tenants/x` },
      { action: "s3:DeleteBucket", resource: bucket },
      { action: "kms:CreateKey", resource: "*", context: requested },
      { action: "kms:ScheduleKeyDeletion", resource: at("kms", "key/1"), context: ofTenant() },
      { action: "kms:CreateAlias", resource: at("kms", own.keyAlias) },
      { action: "rds:CreateDBCluster", resource: at("rds", `cluster:${own.databaseIdentifier}`) },
      { action: "rds:CreateDBSubnetGroup", resource: at("rds", "subgrp:database-1"), context: requested },
      { action: "rds:DeleteDBSubnetGroup", resource: at("rds", "subgrp:database-1"), context: ofTenant() },
      { action: "rds:DeleteDBInstance", resource: at("rds", `db:${own.databaseIdentifier}-1`) },
      { action: "ecs:CreateCluster", resource: at("ecs", `cluster/${own.clusterName}`) },
      {
        action: "ecs:CreateService",
        resource: inCluster,
        context: {
          "ecs:cluster": at("ecs", `cluster/${own.clusterName}`),
          "ecs:task-definition": at("ecs", `task-definition/${tenant.layout.key}-iam-service:1`),
        },
      },
      { action: "ec2:CreateVpc", resource: ec2("vpc"), context: requested },
      { action: "ec2:CreateSubnet", resource: ec2("subnet"), context: requested },
      { action: "ec2:CreateSubnet", resource: at("ec2", `vpc/${dev.outputs.vpcId}`) },
      { action: "ec2:DeleteVpc", resource: ec2("vpc"), context: ofTenant() },
      { action: "ec2:AssociateRouteTable", resource: ec2("route-table"), context: ofPlane },
      { action: "ec2:AssociateRouteTable", resource: ec2("subnet"), context: ofTenant() },
      {
        action: "elasticloadbalancing:CreateLoadBalancer",
        resource: lb(`loadbalancer/app/${own.loadBalancerName}/1`),
        context: requested,
      },
      {
        action: "elasticloadbalancing:DeleteLoadBalancer",
        resource: lb(`loadbalancer/app/${own.loadBalancerName}/1`),
        context: ofTenant(),
      },
      record("acme.dev.tenants.example"),
    ];
    const denied = [];
    for (const access of work) if (!(await can(access))) denied.push(`${access.action} ${access.resource}`);
    expect(denied).toEqual([]);

    const forbidden: Access[] = [
      { action: "s3:GetObject", resource: `${bucket}/tenants/x` },
      { action: "s3:CreateBucket", resource: "arn:aws:s3:::tn-prod-x" },
      { action: "s3:DeleteBucket", resource: dev.outputs.snapshotBucketArn },
      { action: "s3:PutBucketPolicy", resource: dev.outputs.dataBucketArn },
      { action: "kms:CreateKey", resource: "*" },
      { action: "kms:ScheduleKeyDeletion", resource: dev.outputs.kmsKeyArn, context: ofPlane },
      { action: "kms:PutKeyPolicy", resource: dev.outputs.kmsKeyArn, context: ofPlane },
      { action: "kms:Decrypt", resource: at("kms", "key/1"), context: ofTenant() },
      { action: "rds:DeleteDBCluster", resource: at("rds", "cluster:tenantry-dev-eu-west-1") },
      { action: "rds:ModifyDBCluster", resource: at("rds", "cluster:tenantry-dev-eu-west-1") },
      { action: "rds:DeleteDBSubnetGroup", resource: at("rds", "subgrp:plane"), context: ofPlane },
      { action: "ec2:DeleteVpc", resource: at("ec2", `vpc/${dev.outputs.vpcId}`), context: ofPlane },
      { action: "ec2:DeleteRoute", resource: ec2("route-table"), context: ofPlane },
      { action: "ec2:AssociateRouteTable", resource: ec2("subnet"), context: ofPlane },
      { action: "ec2:CreateVpc", resource: ec2("vpc") },
      { action: "ec2:CreateSubnet", resource: at("ec2", "vpc/vpc-0fedcba9876543210") },
      {
        action: "elasticloadbalancing:ModifyListener",
        resource: lb("listener/app/entry/1/2"),
        context: ofPlane,
      },
      {
        action: "elasticloadbalancing:CreateRule",
        resource: lb("listener/app/entry/1/2"),
        context: ofPlane,
      },
      record("\\052.dev.tenants.example"),
      record("elsewhere.example"),
      {
        action: "route53:DeleteHostedZone",
        resource: `arn:aws:route53:::hostedzone/${dev.outputs.dnsZoneId}`,
      },
      {
        action: "servicediscovery:DeleteNamespace",
        resource: at("servicediscovery", "namespace/ns-abcdefghijklmnop"),
        context: ofPlane,
      },
    ];
    const reached = [];
    for (const access of forbidden)
      if (await can(access)) reached.push(`${access.action} ${access.resource}`);
    expect(reached).toEqual([]);
  });

  it("has policies that AWS accepts in length", () => {
    expect(dev.controller.policies).toHaveLength(2);
    expect(
      dev.controller.policies.reduce((sum, { policy }) => sum + policyLength(policy), 0),
    ).toBeLessThanOrEqual(10_240);
    expect(dev.controller.attached).toHaveLength(3);
    for (const { policy } of dev.controller.attached ?? [])
      expect(policyLength(policy)).toBeLessThanOrEqual(6_144);
  });

  it("has policies of allowed length even where names are longest", () => {
    const planeName = "stage-ap-southeast-1-0b54c7a1";
    const location = { partition: "aws-us-gov", region: "ap-southeast-1", accountId: ACCOUNT };
    const at = (resource: string) => `arn:aws-us-gov:service:ap-southeast-1:${ACCOUNT}:${resource}`;
    const scope = {
      ...{ location, planeName, environment: "stage" },
      tenantRolePath: `/tenantry/${planeName}/tenants/`,
      boundaryArn: at(`policy/tenantry/${planeName}/tenantry-${planeName}-tenant-boundary`),
      vpcId: "vpc-0a1b2c3d4e5f60718",
      clusterArn: at(`cluster/tenantry-${planeName}`),
      clusterName: `tenantry-${planeName}`,
      namespaceArn: at("namespace/ns-abcdefghijklmnop"),
      kmsKeyArn: dev.outputs.kmsKeyArn,
      dnsZoneId: "Z0123456789ABCDEFGHIJ",
      domain: `${"a".repeat(60)}.${"b".repeat(60)}.example`,
    };
    const inline = [controllerRolesPolicy(scope), controllerResourcesPolicy(scope)];
    expect(inline.reduce((sum, policy) => sum + policyLength(policy), 0)).toBeLessThanOrEqual(10_240);
    for (const document of [controllerDataPolicy, controllerEntryPolicy, controllerNetworkPolicy])
      expect(policyLength(document(scope)), document.name).toBeLessThanOrEqual(6_144);
  });
});
