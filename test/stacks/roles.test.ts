/**
 * Each role of ours can do its work and nothing else (P9): the controller (its own file, for its length), the automation,
 * the control service's api and worker tasks, which are the access to registry and state, and what starts them.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { recordWithMocks, runMocked } from "../../components/testing/pulumiMocks.ts";
import { parseControlPlaneConfig } from "../../stacks/controlPlane/config.ts";
import { controlPlaneProgram } from "../../stacks/controlPlane/program.ts";
import { isolationOf } from "../../stacks/tenant/spec.ts";
import { ACCOUNT, type Access, allowed, type Role } from "./evaluator.ts";
import {
  fleetMember,
  type Member,
  type Plane,
  planeFacts,
  policyLength,
  rolesOf,
  SETUP_TIMEOUT_MS,
} from "./fleet.ts";

recordWithMocks();

const at = (service: string, resource: string) => `arn:aws:${service}:eu-west-1:${ACCOUNT}:${resource}`;
const role = (path: string) => `arn:aws:iam::${ACCOUNT}:role/${path}`;
const STATE = `arn:aws:s3:::tenantry-control-prod-${ACCOUNT}-state`;
const CONTROLLER = role("tenantry/dev-eu-west-1/tenantry-dev-eu-west-1-controller");
const AUTOMATION = role("tenantry/dev-eu-west-1/tenantry-dev-eu-west-1-automation");
const VIA_S3 = { "kms:ViaService": "s3.eu-west-1.amazonaws.com" };

/** What nobody of ours may do, by whatever way it would become more than it is or hide that it did. */
function escalations(self: Role): readonly Access[] {
  const administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
  return [
    { action: "iam:CreateUser", resource: `arn:aws:iam::${ACCOUNT}:user/x` },
    { action: "iam:CreateAccessKey", resource: `arn:aws:iam::${ACCOUNT}:user/x` },
    { action: "iam:CreateRole", resource: role("admin") },
    { action: "iam:CreateRole", resource: role("tenantry/dev-eu-west-1/tenants/x") },
    { action: "iam:AttachRolePolicy", resource: self.arn, context: { "iam:PolicyARN": administrator } },
    {
      action: "iam:AttachRolePolicy",
      resource: role("tenantry/dev-eu-west-1/tenants/x"),
      context: { "iam:PolicyARN": administrator },
    },
    { action: "iam:PutRolePolicy", resource: self.arn },
    { action: "iam:UpdateAssumeRolePolicy", resource: self.arn },
    { action: "iam:UpdateAssumeRolePolicy", resource: role("admin") },
    { action: "iam:DeleteRolePermissionsBoundary", resource: role("tenantry/dev-eu-west-1/tenants/x") },
    {
      action: "iam:CreatePolicyVersion",
      resource: `arn:aws:iam::${ACCOUNT}:policy/tenantry/dev-eu-west-1/tenantry-dev-eu-west-1-tenant-boundary`,
    },
    {
      action: "iam:PassRole",
      resource: role("admin"),
      context: { "iam:PassedToService": "ec2.amazonaws.com" },
    },
    {
      action: "iam:PassRole",
      resource: CONTROLLER,
      context: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
    },
    { action: "sts:AssumeRole", resource: role("admin") },
    { action: "ec2:RunInstances", resource: at("ec2", "instance/*") },
    { action: "lambda:CreateFunction", resource: at("lambda", "function:x") },
    { action: "ecs:RunTask", resource: at("ecs", "task-definition/x:1") },
    { action: "ecs:ExecuteCommand", resource: at("ecs", "task/tenantry-dev-eu-west-1/1") },
    { action: "cloudtrail:StopLogging", resource: at("cloudtrail", "trail/main") },
    { action: "cloudtrail:DeleteTrail", resource: at("cloudtrail", "trail/main") },
    { action: "cloudtrail:PutEventSelectors", resource: at("cloudtrail", "trail/main") },
    { action: "organizations:LeaveOrganization", resource: "*" },
    { action: "s3:DeleteBucket", resource: STATE },
    { action: "s3:PutBucketPolicy", resource: STATE },
    { action: "s3:PutBucketVersioning", resource: STATE },
    { action: "s3:DeleteObjectVersion", resource: `${STATE}/.pulumi/stacks/x.json` },
    { action: "kms:ScheduleKeyDeletion", resource: at("kms", "key/11111111-2222-4333-8444-666666666666") },
    { action: "rds:DeleteDBCluster", resource: at("rds", "cluster:tenantry-control-prod") },
    { action: "rds:DeleteDBCluster", resource: at("rds", "cluster:tenantry-dev-eu-west-1") },
    {
      action: "secretsmanager:GetSecretValue",
      resource: at("secretsmanager", "secret:somebody-elses-AbCdEf"),
    },
  ];
}

async function denied(of: Role, accesses: readonly Access[]): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const access of accesses)
    if (!(await allowed(of, undefined, access))) refused.push(`${access.action} ${access.resource}`);
  return refused;
}

async function reached(of: Role, accesses: readonly Access[]): Promise<readonly string[]> {
  const refused = await denied(of, accesses);
  return accesses
    .map((access) => `${access.action} ${access.resource}`)
    .filter((access) => !refused.includes(access));
}

let dev: Plane;
let pooled: Member;
let dedicated: Member;
let control: readonly Role[];
beforeAll(async () => {
  dev = await planeFacts("dev");
  const planes = new Map([["dev", dev]]);
  pooled = await fleetMember(planes, "dev", "00000000-0000-4000-8000-000000000001", "acme");
  dedicated = await fleetMember(
    planes,
    "dev",
    "00000000-0000-4000-8000-000000000002",
    "own",
    isolationOf("dedicated"),
  );
  const config = parseControlPlaneConfig("prod", {
    environment: "prod",
    domain: "control.tenants.example",
    image: "tenantry:1",
    aws: { region: "eu-west-1" },
  });
  control = rolesOf((await runMocked(() => controlPlaneProgram(config))).resources);
}, SETUP_TIMEOUT_MS);

const controlRole = (pattern: RegExp): Role => {
  const found = control.filter(({ name }) => pattern.test(name));
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new Error(`no one role ${pattern} among ${control.map(({ name }) => name).join(", ")}`);
  return only;
};

describe("the automation's role", () => {
  const secret = (member: Member) =>
    at("secretsmanager", `secret:${member.layout.services["iam-service"].secretName}-AbCdEf`);
  const master = (cluster: string): Access => ({
    action: "secretsmanager:GetSecretValue",
    resource: at("secretsmanager", "secret:rds!cluster-1-AbCdEf"),
    context: { "aws:ResourceTag/aws:rds:primaryDBClusterArn": at("rds", `cluster:${cluster}`) },
  });
  const archive = () => dev.outputs.dataBucketArn.replace(/data$/, "archive");
  const service = (member: Member, cluster: string) =>
    at("ecs", `service/${cluster}/${member.layout.services["iam-service"].serviceName}`);
  const ofPlane = { "aws:ResourceTag/tenantry:plane": "dev-eu-west-1" };

  it("works with tenants' data, wherever it lies", async () => {
    const work: Access[] = [
      master("tenantry-dev-eu-west-1"),
      master(dedicated.layout.own.databaseIdentifier),
      { action: "secretsmanager:PutSecretValue", resource: secret(pooled) },
      ...[pooled, dedicated].flatMap(({ dataBucketArn, layout }) => [
        { action: "s3:GetObject", resource: `${dataBucketArn}/${layout.storagePrefix}a` },
        { action: "s3:DeleteObject", resource: `${dataBucketArn}/${layout.storagePrefix}a` },
        { action: "s3:ListBucket", resource: dataBucketArn },
      ]),
      { action: "s3:PutObject", resource: `${archive()}/tenants/x/1/manifest.json` },
      { action: "s3:PutObject", resource: `${dev.outputs.snapshotBucketArn}/routing/1.json` },
      { action: "kms:Decrypt", resource: pooled.kmsKeyArn, context: VIA_S3 },
      {
        action: "kms:Decrypt",
        resource: dedicated.kmsKeyArn,
        context: {
          ...VIA_S3,
          ...ofPlane,
          "aws:ResourceTag/tenantry:tenant-id": dedicated.spec.tenant.tenantId,
        },
      },
      {
        action: "ecs:UpdateService",
        resource: service(pooled, dev.outputs.clusterName),
        context: ofPlane,
      },
      { action: "ecs:DescribeServices", resource: service(dedicated, dedicated.layout.own.clusterName) },
      { action: "tag:GetResources", resource: "*" },
      { action: "kms:DescribeKey", resource: dedicated.kmsKeyArn, context: ofPlane },
    ];
    expect(await denied(dev.automation, work)).toEqual([]);
  });

  it("changes no resource, deploys nothing, and reads nothing of another plane", async () => {
    const { dataBucketArn, clusterName, snapshotBucketArn, kmsKeyArn } = dev.outputs;
    const forbidden: Access[] = [
      master("tenantry-prod-eu-west-1"),
      master("tenantry-control-prod"),
      master("tn-prod-x"),
      { action: "secretsmanager:DeleteSecret", resource: secret(pooled) },
      {
        action: "secretsmanager:GetSecretValue",
        resource: at("secretsmanager", "secret:/prod/tenants/x/iam-service/g1/credentials-AbCdEf"),
      },
      { action: "s3:DeleteBucket", resource: dataBucketArn },
      { action: "s3:PutBucketPolicy", resource: dataBucketArn },
      { action: "s3:GetObject", resource: `arn:aws:s3:::tenantry-prod-eu-west-1-${ACCOUNT}-data/tenants/x` },
      { action: "s3:GetObject", resource: "arn:aws:s3:::tn-prod-x/tenants/x" },
      { action: "s3:PutObject", resource: `${snapshotBucketArn}/keys/1.json` },
      { action: "s3:DeleteObject", resource: `${snapshotBucketArn}/routing/1.json` },
      { action: "kms:Decrypt", resource: kmsKeyArn },
      { action: "kms:Decrypt", resource: at("kms", "key/of-somebody"), context: VIA_S3 },
      {
        action: "ecs:UpdateService",
        resource: service(pooled, clusterName),
        context: { ...ofPlane, "ecs:task-definition": at("ecs", "task-definition/other:1") },
      },
      { action: "ecs:UpdateService", resource: at("ecs", `service/${clusterName}/router`), context: ofPlane },
      { action: "ecs:DeleteService", resource: service(pooled, clusterName) },
      { action: "sqs:ReceiveMessage", resource: at("sqs", pooled.layout.queueName) },
      { action: "sts:AssumeRole", resource: CONTROLLER },
      { action: "rds:ModifyDBCluster", resource: at("rds", "cluster:tenantry-dev-eu-west-1") },
    ];
    expect(await reached(dev.automation, forbidden)).toEqual([]);
    expect(await reached(dev.automation, escalations(dev.automation))).toEqual([]);
  });
});

describe("the control service's tasks", () => {
  const state = (action: string): Access => ({ action, resource: `${STATE}/.pulumi/stacks/x.json` });
  const become = (resource: string): Access => ({ action: "sts:AssumeRole", resource });

  it("read the state, and only workers write it", async () => {
    const api = controlRole(/^api$/);
    const worker = controlRole(/^worker$/);
    const reads = [state("s3:GetObject"), { action: "s3:ListBucket", resource: STATE }];
    const writes = [state("s3:PutObject"), state("s3:DeleteObject")];
    expect(await denied(api, reads)).toEqual([]);
    expect(await denied(worker, [...reads, ...writes])).toEqual([]);
    expect(await reached(api, writes)).toEqual([]);
  });

  it("become the roles of planes and no other", async () => {
    for (const task of [controlRole(/^api$/), controlRole(/^worker$/)]) {
      expect(await denied(task, [become(CONTROLLER), become(AUTOMATION)])).toEqual([]);
      const others = [
        become(role("tenantry/dev-eu-west-1/tenants/tn-dev-x-execution")),
        become(role("tenantry/dev-eu-west-1/tenantry-dev-eu-west-1-router")),
        become("arn:aws:iam::999999999999:role/tenantry/dev-eu-west-1/tenantry-dev-eu-west-1-controller"),
      ];
      expect(await reached(task, others)).toEqual([]);
    }
  });

  it("reach no tenant by themselves, and cannot become more", async () => {
    const { dataBucketArn } = dev.outputs;
    const tenants: Access[] = [
      { action: "s3:GetObject", resource: `${dataBucketArn}/${pooled.layout.storagePrefix}x` },
      { action: "secretsmanager:GetSecretValue", resource: dev.outputs.databaseMasterSecretArn },
      {
        action: "secretsmanager:GetSecretValue",
        resource: at("secretsmanager", `secret:${pooled.layout.services["iam-service"].secretName}-AbCdEf`),
      },
      { action: "sqs:SendMessage", resource: at("sqs", pooled.layout.queueName) },
      { action: "ecs:UpdateService", resource: at("ecs", `service/${dev.outputs.clusterName}/tn-dev-x`) },
    ];
    for (const one of control) {
      // Registry and plane have one secret's ARN under mocks; only what starts the tasks may read the registry's.
      const own = one.name.includes("execution")
        ? tenants.filter(({ resource }) => resource !== dev.outputs.databaseMasterSecretArn)
        : tenants;
      expect(await reached(one, own), one.name).toEqual([]);
      expect(await reached(one, escalations(one)), one.name).toEqual([]);
    }
  });
});

describe("every role", () => {
  it("cannot become more than it is, nor hide what it did", async () => {
    for (const one of [dev.controller, dev.router, dev.automation])
      expect(await reached(one, escalations(one)), one.name).toEqual([]);
    for (const one of [...pooled.roles, ...dedicated.roles])
      expect(await reached(one, escalations(one)), one.name).toEqual([]);
  });

  it("has policies that AWS accepts in length", () => {
    for (const { name, policies } of [dev.automation, dev.router, ...control])
      expect(
        policies.reduce((sum, { policy }) => sum + policyLength(policy), 0),
        name,
      ).toBeLessThanOrEqual(10_240);
  });
});
