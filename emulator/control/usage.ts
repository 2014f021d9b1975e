import { z } from "zod";
import type { Cloud } from "../context.ts";
import { GLOBAL_REGION } from "../resourceType.ts";
import type { ResourceRecord } from "../store/store.ts";
import { text } from "../values.ts";
import type { Routes } from "./router.ts";
import { validated } from "./router.ts";

/**
 * How much of an account is used, as AWS tells it with many calls: counts, and the limits of Service Quotas. A limit is
 * what the profile says, else AWS's default.
 */
const UsageQuery = z.object({
  account: z.string(),
  region: z.string(),
  cluster: z.string(),
  listener: z.string().optional(),
  loadBalancer: z.string().optional(),
  subnets: z
    .string()
    .default("")
    .transform((ids) => ids.split(",").filter((id) => id !== "")),
});
type UsageQuery = z.output<typeof UsageQuery>;

const DEFAULTS = {
  ecs_services: 5_000,
  listener_rules: 100,
  target_groups: 100,
  iam_roles: 1_000,
  security_groups: 2_500,
  secrets: 500_000,
  log_groups: 1_000_000,
  // Of an account that has been in use; a new one starts at 6.
  fargate_vcpus: 4_000,
} as const;

/** AWS keeps this many addresses of each subnet. */
const KEPT_ADDRESSES = 5;

export function usageRoutes(cloud: Cloud): Routes {
  return {
    "GET /v1/usage": ({ query }) => {
      const asked = validated(Object.fromEntries(query.entries()), UsageQuery);
      return { usages: cloud.store.transaction(() => usagesOf(cloud, asked)) };
    },
  };
}

function usagesOf(cloud: Cloud, asked: UsageQuery) {
  const { account, region } = asked;
  const count = (type: string, where = region) => cloud.store.count({ account, region: where, type });
  const services = cloud.store
    .list({ account, region, type: "aws:ecs/service:Service" })
    .filter((service) => sameName(text(service.properties, "cluster"), asked.cluster));
  const rules = cloud.store
    .list({ account, region, type: "aws:lb/listenerRule:ListenerRule" })
    .filter(({ properties }) => text(properties, "listenerArn") === asked.listener);
  const tasks = services.map((service) => ({ count: tasksOf(service), cpu: cpuOf(cloud, service) }));
  const used = {
    ecs_services: services.length,
    listener_rules: rules.length,
    target_groups: groupsOf(rules).size,
    iam_roles: count("aws:iam/role:Role", GLOBAL_REGION),
    security_groups: count("aws:ec2/securityGroup:SecurityGroup"),
    secrets: count("aws:secretsmanager/secret:Secret"),
    log_groups: count("aws:cloudwatch/logGroup:LogGroup"),
    fargate_vcpus: tasks.reduce((sum, task) => sum + (task.count * task.cpu) / 1024, 0),
  };
  const { quotas } = cloud.profile();
  const limited = Object.entries(DEFAULTS).map(([name, limit]) => ({
    ...{ name, used: used[name as keyof typeof DEFAULTS], limit: quotas[name] ?? limit },
  }));
  const addresses = {
    name: "subnet_addresses",
    used: tasks.reduce((sum, task) => sum + task.count, 0),
    limit: quotas.subnet_addresses ?? addressesIn(cloud, asked),
  };
  return [...limited, addresses];
}

function sameName(cluster: string | undefined, wanted: string): boolean {
  return (cluster ?? "default").split("/").at(-1) === wanted.split("/").at(-1);
}

function tasksOf({ properties }: ResourceRecord): number {
  return Number(properties.desiredCount ?? 1);
}

function cpuOf(cloud: Cloud, { properties }: ResourceRecord): number {
  const definition = cloud.store.findByArn(text(properties, "taskDefinition") ?? "");
  return Number(definition?.properties.cpu ?? 0);
}

function groupsOf(rules: readonly ResourceRecord[]): ReadonlySet<string> {
  const arns = rules.flatMap(
    ({ properties }) => JSON.stringify(properties.actions).match(/arn:[^"]+:targetgroup\/[^"]+/g) ?? [],
  );
  return new Set(arns);
}

function addressesIn(cloud: Cloud, { account, region, subnets }: UsageQuery): number {
  const type = "aws:ec2/subnet:Subnet";
  return subnets.reduce((sum, id) => {
    const subnet = cloud.store.find({ account, region, type, id });
    const mask = Number(text(subnet?.properties ?? {}, "cidrBlock")?.split("/")[1] ?? 32);
    return sum + Math.max(0, 2 ** (32 - mask) - KEPT_ADDRESSES);
  }, 0);
}
