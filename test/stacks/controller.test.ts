/** The controller's role can do its work on tenants' resources, and nothing else. */
import { beforeAll, describe, expect, it } from "vitest";
import { ofType, recordWithMocks, runMocked } from "../../components/testing/pulumiMocks.ts";
import { planeProgram } from "../../stacks/plane/program.ts";
import { ACCOUNT, type Access, allowed } from "./evaluator.ts";
import { fleetMember, type Member, type Plane, planeConfig, planeFacts, SETUP_TIMEOUT_MS } from "./fleet.ts";

recordWithMocks();

describe("the controller's role", () => {
  let dev: Plane;
  let tenant: Member;
  beforeAll(async () => {
    dev = await planeFacts("dev");
    tenant = await fleetMember(
      new Map([["dev", dev]]),
      "dev",
      "00000000-0000-4000-8000-000000000001",
      "acme",
    );
  }, SETUP_TIMEOUT_MS);

  const can = (access: Access) => allowed(dev.controller, undefined, access);
  const tenantRole = () =>
    `arn:aws:iam::${ACCOUNT}:role${dev.outputs.tenantRolePath}${tenant.layout.executionRoleName}`;
  const at = (service: string, resource: string) => `arn:aws:${service}:eu-west-1:${ACCOUNT}:${resource}`;
  const ofTenant = () => ({
    "aws:ResourceTag/tenantry:plane": "dev-eu-west-1",
    "aws:ResourceTag/tenantry:tenant-id": tenant.spec.tenant.tenantId,
  });

  const ofPlane = { "aws:ResourceTag/tenantry:plane": "dev-eu-west-1" };

  it("makes, changes and unmakes a tenant's resources", async () => {
    const service = at(
      "ecs",
      `service/${dev.outputs.clusterName}/${tenant.layout.services["iam-service"].serviceName}`,
    );
    const cluster = { "ecs:cluster": dev.outputs.clusterArn };
    const bounded = { "iam:PermissionsBoundary": dev.outputs.tenantBoundaryArn };
    const queue = at("sqs", tenant.layout.queueName);
    const secret = at("secretsmanager", `secret:${tenant.layout.services["iam-service"].secretName}-AbCdEf`);
    const group = at("ec2", "security-group/sg-0123456789abcdef0");
    const logs = at("logs", `log-group:${tenant.layout.services["iam-service"].logGroupName}`);
    const work: Access[] = [
      { action: "iam:CreateRole", resource: tenantRole(), context: bounded },
      { action: "iam:PutRolePolicy", resource: tenantRole(), context: bounded },
      { action: "iam:DeleteRole", resource: tenantRole() },
      {
        action: "iam:CreateServiceLinkedRole",
        resource: `arn:aws:iam::${ACCOUNT}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService`,
        context: { "iam:AWSServiceName": "ecs.application-autoscaling.amazonaws.com" },
      },
      {
        action: "iam:TagRole",
        resource: tenantRole(),
        context: { "aws:TagKeys": ["tenantry:release"], ...ofTenant() },
      },
      {
        action: "iam:PassRole",
        resource: tenantRole(),
        context: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
      },
      {
        action: "ecs:CreateService",
        resource: service,
        context: {
          ...cluster,
          "ecs:task-definition": at("ecs", `task-definition/${tenant.layout.key}-iam-service:1`),
        },
      },
      // A change of the count alone names no definition.
      { action: "ecs:UpdateService", resource: service, context: cluster },
      { action: "ecs:DeleteService", resource: service, context: cluster },
      { action: "ecs:ListServiceDeployments", resource: service },
      { action: "ecs:DescribeServiceDeployments", resource: service },
      {
        action: "ecs:DescribeServiceDeployments",
        resource: `${service.replace(":service/", ":service-deployment/")}/abc123`,
      },
      {
        action: "ecs:RegisterTaskDefinition",
        resource: at("ecs", `task-definition/${tenant.layout.key}-iam-service:1`),
      },
      { action: "sqs:CreateQueue", resource: queue },
      { action: "sqs:DeleteQueue", resource: queue },
      { action: "secretsmanager:CreateSecret", resource: secret },
      { action: "secretsmanager:PutSecretValue", resource: secret },
      { action: "secretsmanager:DeleteSecret", resource: secret },
      { action: "logs:CreateLogGroup", resource: logs },
      { action: "logs:DeleteLogGroup", resource: logs },
      { action: "ec2:CreateSecurityGroup", resource: at("ec2", `vpc/${dev.outputs.vpcId}`) },
      {
        action: "ec2:CreateSecurityGroup",
        resource: group,
        context: { "aws:RequestTag/tenantry:plane": "dev-eu-west-1" },
      },
      { action: "ec2:DeleteSecurityGroup", resource: group, context: ofTenant() },
      {
        action: "servicediscovery:CreateService",
        resource: at("servicediscovery", "namespace/ns-abcdefghijklmnop"),
      },
      {
        action: "servicediscovery:CreateService",
        resource: at("servicediscovery", "service/srv-1"),
        context: { "aws:RequestTag/tenantry:plane": "dev-eu-west-1" },
      },
      {
        action: "servicediscovery:DeleteService",
        resource: at("servicediscovery", "service/srv-1"),
        context: ofTenant(),
      },
      {
        action: "application-autoscaling:RegisterScalableTarget",
        resource: at("application-autoscaling", "scalable-target/1"),
        context: {
          "application-autoscaling:service-namespace": "ecs",
          "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount",
        },
      },
      {
        action: "cloudwatch:PutMetricAlarm",
        resource: at(
          "cloudwatch",
          `alarm:TargetTracking-service/${dev.outputs.clusterName}/${tenant.layout.key}-iam-service-AlarmHigh-1`,
        ),
      },
    ];
    const denied = [];
    for (const access of work) if (!(await can(access))) denied.push(access.action);
    expect(denied).toEqual([]);
  });

  it("does nothing beyond that", async () => {
    const bucket = dev.outputs.dataBucketArn;
    const secret = at("secretsmanager", `secret:${tenant.layout.services["iam-service"].secretName}-AbCdEf`);
    const bounded = { "iam:PermissionsBoundary": dev.outputs.tenantBoundaryArn };
    const forbidden: Access[] = [
      {
        action: "iam:CreateServiceLinkedRole",
        resource: `arn:aws:iam::${ACCOUNT}:role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS`,
        context: { "iam:AWSServiceName": "rds.amazonaws.com" },
      },
      { action: "iam:CreateRole", resource: tenantRole() },
      {
        action: "iam:CreateRole",
        resource: tenantRole(),
        context: { "iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess" },
      },
      { action: "iam:CreateRole", resource: `arn:aws:iam::${ACCOUNT}:role/admin`, context: bounded },
      {
        action: "iam:CreateRole",
        resource: `arn:aws:iam::${ACCOUNT}:role/tenantry/prod-eu-west-1/tenants/x`,
        context: bounded,
      },
      { action: "iam:PutRolePolicy", resource: dev.controller.arn, context: bounded },
      { action: "iam:PutRolePolicy", resource: tenantRole() },
      { action: "iam:AttachRolePolicy", resource: tenantRole(), context: bounded },
      { action: "iam:DeleteRolePermissionsBoundary", resource: tenantRole(), context: bounded },
      { action: "iam:CreatePolicyVersion", resource: dev.outputs.tenantBoundaryArn },
      {
        action: "iam:PassRole",
        resource: tenantRole(),
        context: { "iam:PassedToService": "ec2.amazonaws.com" },
      },
      {
        action: "iam:PassRole",
        resource: dev.controller.arn,
        context: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
      },
      {
        action: "iam:TagRole",
        resource: tenantRole(),
        context: { "aws:TagKeys": ["tenantry:tenant-id"], ...ofTenant() },
      },
      {
        action: "iam:UntagRole",
        resource: tenantRole(),
        context: { "aws:TagKeys": ["tenantry:tenant-id"], ...ofTenant() },
      },
      { action: "secretsmanager:GetSecretValue", resource: secret },
      {
        action: "secretsmanager:DeleteSecret",
        resource: at("secretsmanager", "secret:/prod/tenants/x/iam-service/g1/credentials-AbCdEf"),
      },
      { action: "secretsmanager:GetSecretValue", resource: dev.outputs.databaseMasterSecretArn },
      { action: "s3:GetObject", resource: `${bucket}/${tenant.layout.storagePrefix}x` },
      { action: "s3:DeleteObject", resource: `${bucket}/${tenant.layout.storagePrefix}x` },
      { action: "s3:DeleteBucket", resource: bucket },
      { action: "sqs:ReceiveMessage", resource: at("sqs", tenant.layout.queueName) },
      { action: "sqs:DeleteQueue", resource: at("sqs", "tn-prod-1-work") },
      { action: "ecs:DeleteCluster", resource: dev.outputs.clusterArn },
      {
        action: "ecs:UpdateService",
        resource: at("ecs", `service/${dev.outputs.clusterName}/router`),
        context: { "ecs:cluster": dev.outputs.clusterArn },
      },
      {
        action: "ecs:CreateService",
        resource: at("ecs", "service/other/tn-dev-x"),
        context: { "ecs:cluster": at("ecs", "cluster/other") },
      },
      {
        action: "ecs:CreateService",
        resource: at("ecs", `service/${dev.outputs.clusterName}/tn-dev-x`),
        context: {
          "ecs:cluster": dev.outputs.clusterArn,
          "ecs:task-definition": at("ecs", "task-definition/tenantry-dev-eu-west-1-router:1"),
        },
      },
      {
        action: "logs:DeleteLogGroup",
        resource: at("logs", "log-group:/tenantry/dev-eu-west-1/plane/router"),
      },
      {
        action: "logs:DeleteLogGroup",
        resource: at(
          "logs",
          `log-group:/tenantry/prod-eu-west-1/${tenant.spec.tenant.tenantId}/g1/iam-service`,
        ),
      },
      {
        action: "application-autoscaling:RegisterScalableTarget",
        resource: at("application-autoscaling", "scalable-target/1"),
        context: {
          "application-autoscaling:service-namespace": "rds",
          "application-autoscaling:scalable-dimension": "rds:cluster:ReadReplicaCount",
        },
      },
      {
        action: "cloudwatch:DeleteAlarms",
        resource: at(
          "cloudwatch",
          `alarm:TargetTracking-service/${dev.outputs.clusterName}/router-AlarmHigh-1`,
        ),
      },
      { action: "kms:ScheduleKeyDeletion", resource: dev.outputs.kmsKeyArn },
      { action: "kms:Decrypt", resource: dev.outputs.kmsKeyArn },
      { action: "rds:DeleteDBCluster", resource: at("rds", "cluster:tenantry-dev-eu-west-1") },
      // The plane's own groups carry the plane's tag and no tenant's.
      {
        action: "ec2:DeleteSecurityGroup",
        resource: at("ec2", "security-group/sg-1"),
        context: { "aws:ResourceTag/tenantry:plane": "dev-eu-west-1" },
      },
      { action: "ec2:CreateSecurityGroup", resource: at("ec2", "vpc/vpc-0fedcba9876543210") },
      { action: "elasticloadbalancing:DeleteLoadBalancer", resource: dev.outputs.loadBalancerArn },
    ];
    const reached = [];
    for (const access of forbidden)
      if (await can(access)) reached.push(`${access.action} ${access.resource}`);
    expect(reached).toEqual([]);
  });

  it("scales tenants' services, and neither the router nor another plane's", async () => {
    const target = at("application-autoscaling", "scalable-target/1");
    const dimension = {
      "application-autoscaling:service-namespace": "ecs",
      "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount",
    };
    const register = (context: Record<string, string>) =>
      can({
        action: "application-autoscaling:RegisterScalableTarget",
        resource: target,
        context: { ...dimension, ...context },
      });
    expect(await register({})).toBe(true);
    expect(await register(ofTenant())).toBe(true);
    // The router is registered by its plane, so whoever registers it again meets the plane's tags.
    expect(await register(ofPlane)).toBe(false);
    expect(await register({ ...ofTenant(), "aws:ResourceTag/tenantry:plane": "prod-eu-west-1" })).toBe(false);
    const registered = await runMocked(() => planeProgram(planeConfig("dev")));
    const [router] = ofType(registered, "aws:appautoscaling/target:Target");
    expect(router?.inputs.tags).toMatchObject({ "tenantry:plane": "dev-eu-west-1" });
    expect(router?.inputs.tags).not.toHaveProperty("tenantry:tenant-id");
  });

  it("cannot wear a tenant's role, whatever trust it writes on it", async () => {
    const trusting = (principal: string) => ({
      action: "sts:AssumeRole",
      resource: tenantRole(),
      resourcePolicy: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: principal }, Action: "sts:AssumeRole" }],
      },
    });
    const stranger = { ...dev.controller, arn: `arn:aws:iam::${ACCOUNT}:role/stranger`, policies: [] };
    // The trust alone suffices within an account, or the refusal below would show nothing.
    expect(await allowed(stranger, undefined, trusting(stranger.arn))).toBe(true);
    expect(await can(trusting(dev.controller.arn))).toBe(false);
    expect(await can(trusting(`arn:aws:iam::${ACCOUNT}:root`))).toBe(false);
  });
});
