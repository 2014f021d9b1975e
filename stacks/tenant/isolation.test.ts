/**
 * No tenant's role can touch another's resources (P6), and the controller's role can do its work and no more.
 *
 * The policies are the ones the programs register, taken from runs under mocks, and they are evaluated by a maintained
 * evaluator together with the permissions boundary. Own access is asserted as well as cross access: a policy that denies
 * everything would pass a test of denials alone.
 */
import { createValidatedPolicy, validateResourcePolicy } from "@cloud-copilot/iam-policy";
import { runSimulation, runUnsafeSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import { beforeAll, describe, expect, it } from "vitest";
import { keyPolicy } from "../../components/sharedPlane/encryption.ts";
import type { TenantLayout } from "../../components/tenantServiceSet/layout.ts";
import {
  ofType,
  type RecordedResource,
  recordWithMocks,
  resolved,
  runMocked,
} from "../../components/testing/pulumiMocks.ts";
import { parsePlaneConfig } from "../plane/config.ts";
import { type PlaneOutputs, parsePlaneOutputs } from "../plane/outputs.ts";
import { planeProgram } from "../plane/program.ts";
import { tenantSpec } from "../testing/tenantSpec.ts";
import { projectName, stackName } from "./names.ts";
import { layoutOf, tenantProgram } from "./program.ts";
import { SERVICE_NAMES, type TenantSpec } from "./spec.ts";

recordWithMocks();

/** Ten programs run one after the other; a second each on a busy machine. */
const SETUP_TIMEOUT_MS = 120_000;
const ACCOUNT = "123456789012";
const BOUNDARY_TYPE = "aws:iam/policy:Policy";

interface Role {
  readonly name: string;
  readonly arn: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly policies: readonly { readonly name: string; readonly policy: unknown }[];
}

interface Member {
  readonly label: string;
  readonly spec: TenantSpec;
  readonly layout: TenantLayout;
  readonly roles: readonly Role[];
}

interface Plane {
  readonly outputs: PlaneOutputs;
  readonly boundary: unknown;
  readonly controller: Role;
}

interface Access {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string | string[]>>;
}

describe("tenant roles", () => {
  const planes = new Map<string, Plane>();
  const fleet: Member[] = [];

  beforeAll(async () => {
    for (const environment of ["dev", "prod"] as const) planes.set(environment, await plane(environment));
    const tenants = [
      ["00000000-0000-4000-8000-000000000001", "acme"],
      // The same first digits, a slug that another's begins with, and slugs that look like our own names.
      ["00000000-0000-4000-8000-000000000011", "acme-2"],
      ["0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b01", "tn-dev"],
      ["0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b02", "tenants"],
      ["ffffffff-ffff-4fff-8fff-ffffffffffff", "xn--80ak6aa92e"],
      ["12345678-1234-4234-8234-123456789abc", `${"a".repeat(62)}b`],
    ] as const;
    for (const environment of ["dev", "prod"] as const) {
      // The second environment adds what is new in it: the same tenants once more, on another plane.
      const members = environment === "dev" ? tenants : tenants.slice(0, 2);
      for (const [tenantId, slug] of members) fleet.push(await member(planes, environment, tenantId, slug));
    }
  }, SETUP_TIMEOUT_MS);

  it("reach what their own tenant has", async () => {
    const denied: string[] = [];
    for (const one of fleet) {
      for (const role of one.roles) {
        for (const access of intended(one, role)) {
          if (!(await allowed(role, boundaryOf(planes, one), access)))
            denied.push(`${one.label} ${role.name} ${access.action}`);
        }
      }
    }
    expect(denied).toEqual([]);
  });

  it(
    "reach nothing that another tenant has, in any pair, in any environment",
    async () => {
      const reached: string[] = [];
      let checked = 0;
      for (const one of fleet) {
        for (const other of fleet) {
          if (one === other) continue;
          for (const role of one.roles) {
            for (const access of everything(other)) {
              checked += 1;
              if (allowedUnchecked(role, boundaryOf(planes, one), access)) {
                reached.push(`${one.label} ${role.name} ${access.action} ${access.resource}`);
              }
            }
          }
        }
      }
      expect(checked).toBeGreaterThan(fleet.length * (fleet.length - 1) * 6 * 20);
      expect(reached).toEqual([]);
    },
    SETUP_TIMEOUT_MS,
  );

  it("stay inside their tenant even when a policy of theirs allows everything", async () => {
    const [one, neighbour] = fleet;
    if (one === undefined || neighbour === undefined) throw new Error("the fleet must have two members");
    const everythingAllowed = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
    };
    const [some] = one.roles;
    if (some === undefined) throw new Error("a member must have roles");
    const careless: Role = { ...some, policies: [{ name: "careless", policy: everythingAllowed }] };
    for (const access of everything(neighbour)) {
      expect(await allowed(careless, boundaryOf(planes, one), access), access.action).toBe(false);
    }
    const read = {
      action: "s3:GetObject",
      resource: `${one.spec.plane.outputs.dataBucketArn}/${one.layout.storagePrefix}x`,
    };
    expect(await allowed(careless, boundaryOf(planes, one), read)).toBe(true);
    const untagged: Role = { ...careless, tags: {} };
    expect(await allowed(untagged, boundaryOf(planes, one), read)).toBe(false);
  });

  it("keep one service's secrets from the tenant's other services", async () => {
    const [one] = fleet;
    if (one === undefined) throw new Error("the fleet must not be empty");
    for (const role of one.roles.filter(({ name }) => name !== "execution")) {
      for (const service of SERVICE_NAMES) {
        const secret = secretArn(one, one.layout.services[service].secretName);
        const access = { action: "secretsmanager:GetSecretValue", resource: secret };
        expect(await allowed(role, boundaryOf(planes, one), access), `${role.name} ${service}`).toBe(
          role.name === service,
        );
      }
    }
  });

  it("trust ECS tasks of this account and nobody else", async () => {
    const run = await runMocked(tenantProgram(tenantSpec(), identityOf(tenantSpec())));
    for (const role of ofType(run, "aws:iam/role:Role")) {
      const trust = JSON.parse(role.inputs.assumeRolePolicy);
      expect(trust.Statement).toHaveLength(1);
      expect(trust.Statement[0]).toMatchObject({
        Principal: { Service: "ecs-tasks.amazonaws.com" },
        Condition: { StringEquals: { "aws:SourceAccount": ACCOUNT } },
      });
    }
  });

  it("fit into what AWS lets a policy be long", () => {
    for (const { boundary } of planes.values()) expect(length(boundary)).toBeLessThanOrEqual(6_144);
    for (const role of fleet.flatMap(({ roles }) => roles)) {
      expect(role.policies.reduce((sum, { policy }) => sum + length(policy), 0)).toBeLessThanOrEqual(10_240);
    }
  });
});

describe("the controller's role", () => {
  let dev: Plane;
  let tenant: Member;
  beforeAll(async () => {
    dev = await plane("dev");
    tenant = await member(new Map([["dev", dev]]), "dev", "00000000-0000-4000-8000-000000000001", "acme");
  }, SETUP_TIMEOUT_MS);

  const can = (access: Access) => allowed(dev.controller, undefined, access);
  const tenantRole = () =>
    `arn:aws:iam::${ACCOUNT}:role${dev.outputs.tenantRolePath}${tenant.layout.executionRoleName}`;
  const at = (service: string, resource: string) => `arn:aws:${service}:eu-west-1:${ACCOUNT}:${resource}`;
  const ofTenant = () => ({
    "aws:ResourceTag/tenantry:plane": "dev-eu-west-1",
    "aws:ResourceTag/tenantry:tenant-id": tenant.spec.tenant.tenantId,
  });

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
        action: "iam:TagRole",
        resource: tenantRole(),
        context: { "aws:TagKeys": ["tenantry:release"], ...ofTenant() },
      },
      {
        action: "iam:PassRole",
        resource: tenantRole(),
        context: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
      },
      { action: "ecs:CreateService", resource: service, context: cluster },
      { action: "ecs:UpdateService", resource: service, context: cluster },
      { action: "ecs:DeleteService", resource: service, context: cluster },
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
        action: "servicediscovery:DeleteService",
        resource: at("servicediscovery", "service/srv-1"),
        context: ofTenant(),
      },
      {
        action: "application-autoscaling:RegisterScalableTarget",
        resource: at("application-autoscaling", "scalable-target/1"),
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

  it("has policies that AWS accepts in length", () => {
    expect(dev.controller.policies).toHaveLength(2);
    expect(dev.controller.policies.reduce((sum, { policy }) => sum + length(policy), 0)).toBeLessThanOrEqual(
      10_240,
    );
  });
});

function intended(member: Member, role: Role): readonly Access[] {
  const { layout, spec } = member;
  const { dataBucketArn } = spec.plane.outputs;
  const tags = { "aws:ResourceTag/tenantry:tenant-id": spec.tenant.tenantId };
  const queue = { resource: queueArn(member), context: tags };
  if (role.name === "execution") {
    return [
      { action: "logs:PutLogEvents", resource: `${logsArn(member, "iam-service")}:log-stream:x` },
      {
        action: "secretsmanager:GetSecretValue",
        resource: secretArn(member, layout.services["iam-service"].secretName),
      },
      { action: "ecr:GetAuthorizationToken", resource: "*" },
      { action: "ecr:BatchGetImage", resource: `arn:aws:ecr:eu-west-1:${ACCOUNT}:repository/iam-service` },
    ];
  }
  const service = SERVICE_NAMES.find((name) => name === role.name);
  if (service === undefined) throw new Error(`unexpected role ${role.name}`);
  const own: Access[] = [
    {
      action: "secretsmanager:GetSecretValue",
      resource: secretArn(member, layout.services[service].secretName),
    },
    keyAccess(member, "secretsmanager", {
      "kms:EncryptionContext:SecretARN": secretArn(member, layout.services[service].secretName),
    }),
  ];
  if (service !== "iam-service") {
    own.push(
      { action: "s3:GetObject", resource: `${dataBucketArn}/${layout.storagePrefix}a/b` },
      { action: "s3:PutObject", resource: `${dataBucketArn}/${layout.storagePrefix}a` },
      {
        action: "s3:ListBucket",
        resource: dataBucketArn,
        context: { "s3:prefix": `${layout.storagePrefix}a` },
      },
      keyAccess(member, "s3", {
        "kms:EncryptionContext:aws:s3:arn": `${dataBucketArn}/${layout.storagePrefix}a`,
      }),
    );
  }
  if (service === "integrations-service") own.push({ action: "sqs:SendMessage", ...queue });
  if (service === "discovery-worker") {
    own.push({ action: "sqs:ReceiveMessage", ...queue }, { action: "sqs:DeleteMessage", ...queue });
    own.push(keyAccess(member, "sqs", { "kms:EncryptionContext:aws:sqs:arn": queueArn(member) }));
  }
  return own;
}

/** Every way into a tenant that a role of another might try. */
function everything(member: Member): readonly Access[] {
  const { layout, spec } = member;
  const { dataBucketArn } = spec.plane.outputs;
  const tags = { "aws:ResourceTag/tenantry:tenant-id": spec.tenant.tenantId };
  const objects = `${dataBucketArn}/${layout.storagePrefix}`;
  const secrets = SERVICE_NAMES.map((service) => secretArn(member, layout.services[service].secretName));
  return [
    ...["s3:GetObject", "s3:PutObject", "s3:DeleteObject"].map((action) => ({
      action,
      resource: `${objects}x`,
    })),
    { action: "s3:ListBucket", resource: dataBucketArn, context: { "s3:prefix": layout.storagePrefix } },
    { action: "s3:ListBucket", resource: dataBucketArn, context: { "s3:prefix": "" } },
    { action: "s3:ListBucket", resource: dataBucketArn, context: { "s3:prefix": "tenants/" } },
    { action: "s3:ListBucket", resource: dataBucketArn },
    ...secrets.flatMap((resource) =>
      ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:DeleteSecret"].map(
        (action) => ({
          action,
          resource,
        }),
      ),
    ),
    ...[
      "sqs:SendMessage",
      "sqs:ReceiveMessage",
      "sqs:DeleteMessage",
      "sqs:PurgeQueue",
      "sqs:DeleteQueue",
    ].map((action) => ({
      action,
      resource: queueArn(member),
      context: tags,
    })),
    { action: "sqs:ReceiveMessage", resource: `${queueArn(member)}-dead`, context: tags },
    { action: "logs:PutLogEvents", resource: `${logsArn(member, "audit-service")}:log-stream:x` },
    { action: "logs:GetLogEvents", resource: `${logsArn(member, "audit-service")}:log-stream:x` },
    {
      action: "ecs:StopTask",
      resource: `arn:aws:ecs:eu-west-1:${ACCOUNT}:task/${spec.plane.outputs.clusterName}/1`,
    },
    {
      action: "ecs:ExecuteCommand",
      resource: `arn:aws:ecs:eu-west-1:${ACCOUNT}:task/${spec.plane.outputs.clusterName}/1`,
    },
    { action: "sts:AssumeRole", resource: member.roles[0]?.arn ?? "" },
    { action: "iam:PutRolePolicy", resource: member.roles[0]?.arn ?? "" },
    keyAccess(member, "s3", { "kms:EncryptionContext:aws:s3:arn": `${objects}x` }),
    keyAccess(member, "s3", {}),
    ...secrets.map((secret) =>
      keyAccess(member, "secretsmanager", { "kms:EncryptionContext:SecretARN": secret }),
    ),
    keyAccess(member, "sqs", { "kms:EncryptionContext:aws:sqs:arn": queueArn(member) }),
  ];
}

function keyAccess(member: Member, service: string, context: Readonly<Record<string, string>>): Access {
  return {
    action: "kms:Decrypt",
    resource: member.spec.plane.outputs.kmsKeyArn,
    context: { "kms:ViaService": `${service}.eu-west-1.amazonaws.com`, ...context },
  };
}

const queueArn = ({ layout }: Member) => `arn:aws:sqs:eu-west-1:${ACCOUNT}:${layout.queueName}`;
const secretArn = (_member: Member, name: string) =>
  `arn:aws:secretsmanager:eu-west-1:${ACCOUNT}:secret:${name}-AbCdEf`;
const logsArn = ({ layout }: Member, service: (typeof SERVICE_NAMES)[number]) =>
  `arn:aws:logs:eu-west-1:${ACCOUNT}:log-group:${layout.services[service].logGroupName}`;

/** A key's own policy decides whether IAM may; the plane's lets the account's IAM decide. */
const KEY_POLICY = createValidatedPolicy(
  keyPolicy({ partition: "aws", region: "eu-west-1", accountId: ACCOUNT }, "any"),
  validateResourcePolicy,
  { name: "key" },
);

/** Validates policies, action, resource and context keys, then evaluates. */
async function allowed(role: Role, boundary: unknown, access: Access): Promise<boolean> {
  // The validator does not know keys that carry a name of the caller's choosing after a colon, and drops them.
  if (access.action.startsWith("kms:")) return allowedUnchecked(role, boundary, access);
  const response = await runSimulation(simulation(role, boundary, access), {});
  if (response.resultType === "error") {
    throw new Error(
      `Cannot evaluate ${access.action} on ${access.resource}: ${JSON.stringify(response.errors)}`,
    );
  }
  const ignored = response.resultType === "single" ? (response.result.ignoredContextKeys ?? []) : [];
  const meant = ignored.filter((key) => access.context !== undefined && key in access.context);
  if (meant.length > 0) throw new Error(`${access.action} does not look at ${meant.join(", ")}`);
  return response.overallResult === "Allowed";
}

/** The same evaluation without the validation, some thirty times faster: for requests whose like was validated before. */
function allowedUnchecked(role: Role, boundary: unknown, access: Access): boolean {
  return runUnsafeSimulation(simulation(role, boundary, access), {}) === "Allowed";
}

function simulation(role: Role, boundary: unknown, access: Access): Simulation {
  const tags = Object.entries(role.tags).map(([key, value]) => [`aws:PrincipalTag/${key}`, value] as const);
  return {
    request: {
      principal: role.arn,
      action: access.action,
      resource: { resource: access.resource, accountId: ACCOUNT },
      contextVariables: { ...Object.fromEntries(tags), ...access.context },
    },
    identityPolicies: [...role.policies],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(access.action.startsWith("kms:") ? { resourcePolicy: KEY_POLICY } : {}),
    ...(boundary === undefined
      ? {}
      : { permissionBoundaryPolicies: [{ name: "boundary", policy: boundary }] }),
  };
}

function boundaryOf(planes: ReadonlyMap<string, Plane>, { spec }: Member): unknown {
  return planes.get(spec.environment)?.boundary;
}

async function plane(environment: "dev" | "prod"): Promise<Plane> {
  const config = parsePlaneConfig(environment, {
    environment,
    domain: `${environment}.tenants.example`,
    aws: { region: "eu-west-1" },
    router: { image: "router:1" },
  });
  const run = await runMocked(() => planeProgram(config));
  const entries = Object.entries(run.outputs).map(async ([key, value]) => [
    key,
    await resolved<unknown>(value),
  ]);
  const outputs: Record<string, unknown> = Object.fromEntries(await Promise.all(entries));
  const boundary = ofType(run, BOUNDARY_TYPE).find(({ name }) => name === "tenant-boundary");
  const roles = rolesOf(run.resources);
  const controller = roles.find(({ name }) => name === "controller");
  if (boundary === undefined || controller === undefined)
    throw new Error("the plane must have a boundary and a controller");
  return { outputs: parsePlaneOutputs(outputs), boundary: JSON.parse(boundary.inputs.policy), controller };
}

async function member(
  planes: ReadonlyMap<string, Plane>,
  environment: "dev" | "prod",
  tenantId: string,
  slug: string,
): Promise<Member> {
  const outputs = planes.get(environment)?.outputs;
  if (outputs === undefined) throw new Error(`no plane ${environment}`);
  const spec = tenantSpec({ tenantId, slug, plane: outputs });
  const run = await runMocked(tenantProgram(spec, identityOf(spec)));
  const roles = rolesOf(run.resources);
  expect(roles.map(({ name }) => name).sort()).toEqual([...SERVICE_NAMES, "execution"].sort());
  return { label: `${environment}/${slug}`, spec, layout: layoutOf(spec), roles };
}

/** Roles with the inline policies registered for them, which is all the policies they have. */
function rolesOf(resources: readonly RecordedResource[]): readonly Role[] {
  const attached = resources.filter(({ type }) => type.includes("PolicyAttachment"));
  expect(attached).toEqual([]);
  return resources
    .filter(({ type }) => type === "aws:iam/role:Role")
    .map(({ name, inputs }) => ({
      name,
      arn: `arn:aws:iam::${ACCOUNT}:role${inputs.path}${inputs.name}`,
      tags: inputs.tags ?? {},
      policies: resources
        .filter(
          ({ type, inputs: policy }) =>
            type === "aws:iam/rolePolicy:RolePolicy" && policy.role === inputs.name,
        )
        .map(({ inputs: policy }) => ({ name: policy.name, policy: JSON.parse(policy.policy) })),
    }));
}

function identityOf(spec: TenantSpec) {
  return { project: projectName(spec.tenant.tenantId), stack: stackName(spec.plane.name, spec.generation) };
}

function length(policy: unknown): number {
  return JSON.stringify(policy).length;
}
