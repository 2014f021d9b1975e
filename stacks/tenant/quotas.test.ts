/** docs/quotas.md against what the tenant program really registers. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  ofType,
  type RecordedResource,
  recordWithMocks,
  runMocked,
} from "../../components/testing/pulumiMocks.ts";
import { tenantSpec } from "../testing/tenantSpec.ts";
import { projectName, stackName } from "./names.ts";
import { tenantProgram } from "./program.ts";
import { isolationOf } from "./spec.ts";

recordWithMocks();

/** A target-tracking policy makes one alarm to scale out and one to scale in. */
const ALARMS_PER_POLICY = 2;
/** Addresses of a /19 without the five that AWS keeps, in three zones. */
const TASK_ADDRESSES = 3 * (2 ** 13 - 5);

interface Row {
  readonly quota: string;
  readonly perTenant: number;
  readonly limit: number | undefined;
  readonly raisable: boolean;
  readonly hundred: number;
  readonly thousand: number;
}

const text = readFileSync(new URL("../../docs/quotas.md", import.meta.url), "utf8");
const rows = new Map(
  text
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter((cells) => cells.length === 9 && /^\d+$/.test(cells[3] ?? ""))
    .map(([, quota = "", , perTenant, limit, raisable = "", hundred, thousand]): [string, Row] => [
      quota,
      {
        quota,
        perTenant: Number(perTenant),
        limit: limit === "none" ? undefined : Number(limit),
        raisable: raisable.startsWith("yes"),
        hundred: Number(hundred),
        thousand: Number(thousand),
      },
    ]),
);

describe("docs/quotas.md", () => {
  const counted = new Map<string, number>();

  beforeAll(async () => {
    const spec = tenantSpec({ minCount: 1, maxCount: 3 });
    const identity = {
      project: projectName(spec.tenant.tenantId),
      stack: stackName(spec.plane.name, spec.generation),
    };
    const run = await runMocked(tenantProgram(spec, identity));
    for (const [quota, count] of Object.entries(countQuotas(run))) counted.set(quota, count);
  });

  it("counts what the program registers, line by line", () => {
    expect([...rows.keys()].sort()).toEqual([...counted.keys()].sort());
    for (const row of rows.values()) expect(row.perTenant, row.quota).toBe(counted.get(row.quota));
  });

  it("multiplies right", () => {
    for (const row of rows.values()) {
      expect(row.hundred, row.quota).toBe(row.perTenant * 100);
      expect(row.thousand, row.quota).toBe(row.perTenant * 1000);
    }
  });

  it("passes at 100 tenants no default that cannot be raised", () => {
    for (const row of rows.values()) {
      if (row.limit !== undefined && !row.raisable)
        expect(row.hundred, row.quota).toBeLessThanOrEqual(row.limit);
    }
  });

  it("says what must be raised on the way to 1,000, and where the account ends", () => {
    for (const row of rows.values()) {
      if (row.limit === undefined || row.thousand <= row.limit) continue;
      const name = row.quota.replace(/ (at rest|of scaling policies)$/, "");
      expect(text.split("## Up to")[1], row.quota).toContain(name);
    }
    const roles = rows.get("IAM roles")?.perTenant ?? 0;
    expect(Math.floor(5000 / roles)).toBeGreaterThanOrEqual(830);
    expect(Math.floor(5000 / roles)).toBeLessThan(840);
    expect(rows.get("Fargate tasks at rest, one address each")?.limit).toBe(TASK_ADDRESSES);
  });
});

/** The table of the other modes: what one tenant takes beyond a pooled one. */
describe("docs/quotas.md on other isolation modes", () => {
  const MODES = {
    hybrid: isolationOf("hybrid"),
    "dedicated, VPC": isolationOf("dedicated"),
    "dedicated, subnets": isolationOf("dedicated", { network: "subnets", cidrBlock: "10.32.192.0/24" }),
  } as const;

  it("counts what the program registers in each", async () => {
    const [, section = ""] = text.split("## What hybrid and dedicated tenants take");
    const table = section
      .split("\n##")[0]
      ?.split("\n")
      .filter((line) => line.startsWith("|"))
      .map((line) =>
        line
          .split("|")
          .map((cell) => cell.trim())
          .slice(1, -1),
      );
    const [header = [], , ...lines] = table ?? [];
    expect(header.slice(3)).toEqual(Object.keys(MODES));
    const taken = new Map<string, number[]>();
    for (const isolation of Object.values(MODES)) {
      const spec = tenantSpec({ isolation, environment: "prod" });
      const identity = {
        project: projectName(spec.tenant.tenantId),
        stack: stackName(spec.plane.name, spec.generation),
      };
      const counts = countOwned(await runMocked(tenantProgram(spec, identity)));
      for (const [quota, count] of Object.entries(counts))
        taken.set(quota, [...(taken.get(quota) ?? []), count]);
    }
    const written = new Map(lines.map(([quota = "", , , ...counts]) => [quota, counts.map(Number)]));
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(taken));
  });
});

function countOwned(run: { readonly resources: readonly RecordedResource[] }): Record<string, number> {
  const of = (type: string) => ofType(run, type).length;
  return {
    "S3 buckets": of("aws:s3/bucket:Bucket"),
    "KMS keys": of("aws:kms/key:Key"),
    "Aurora clusters": of("aws:rds/cluster:Cluster"),
    "Aurora instances": of("aws:rds/clusterInstance:ClusterInstance"),
    "DB subnet groups": of("aws:rds/subnetGroup:SubnetGroup"),
    "DB cluster parameter groups": of("aws:rds/clusterParameterGroup:ClusterParameterGroup"),
    "Security groups": of("aws:ec2/securityGroup:SecurityGroup"),
    "ECS clusters": of("aws:ecs/cluster:Cluster"),
    "Application Load Balancers": of("aws:lb/loadBalancer:LoadBalancer"),
    "Target groups": of("aws:lb/targetGroup:TargetGroup"),
    "Public DNS records": of("aws:route53/record:Record"),
    VPCs: of("aws:ec2/vpc:Vpc"),
    "Internet gateways": of("aws:ec2/internetGateway:InternetGateway"),
    "NAT gateways": of("aws:ec2/natGateway:NatGateway"),
    "Elastic IPs": of("aws:ec2/eip:Eip"),
    Subnets: of("aws:ec2/subnet:Subnet"),
    "Gateway VPC endpoints": of("aws:ec2/vpcEndpoint:VpcEndpoint"),
    "Private DNS namespaces": of("aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace"),
  };
}

function countQuotas(run: { readonly resources: readonly RecordedResource[] }): Record<string, number> {
  const of = (type: string) => ofType(run, type);
  const services = of("aws:ecs/service:Service");
  const tasks = (some: readonly RecordedResource[]) =>
    some.reduce((sum, { inputs }) => sum + Number(inputs.desiredCount), 0);
  return {
    "Listener rules": of("aws:lb/listenerRule:ListenerRule").length,
    "Target groups": of("aws:lb/targetGroup:TargetGroup").length,
    "IAM roles": of("aws:iam/role:Role").length,
    "IAM managed policies": of("aws:iam/policy:Policy").length,
    "ECS services": services.length,
    "Task definition families": of("aws:ecs/taskDefinition:TaskDefinition").length,
    "Fargate tasks at rest, one address each": tasks(services),
    "Network interfaces": tasks(services),
    "Security groups": of("aws:ec2/securityGroup:SecurityGroup").length,
    "Cloud Map services": of("aws:servicediscovery/service:Service").length,
    "Cloud Map instances at rest": tasks(
      services.filter(({ inputs }) => inputs.serviceRegistries !== undefined),
    ),
    "Scalable targets (ECS)": of("aws:appautoscaling/target:Target").length,
    "CloudWatch alarms of scaling policies":
      of("aws:appautoscaling/policy:Policy").length * ALARMS_PER_POLICY,
    "Log groups": of("aws:cloudwatch/logGroup:LogGroup").length,
    Secrets: of("aws:secretsmanager/secret:Secret").length,
    "SQS queues": of("aws:sqs/queue:Queue").length,
    "KMS grants": of("aws:kms/grant:Grant").length,
    "S3 access points": of("aws:s3/accessPoint:AccessPoint").length,
    "S3 buckets": of("aws:s3/bucket:Bucket").length,
    "Public DNS records": of("aws:route53/record:Record").length,
  };
}
