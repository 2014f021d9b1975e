import { paginateDescribeLogGroups } from "@aws-sdk/client-cloudwatch-logs";
import { DescribeSubnetsCommand, paginateDescribeSecurityGroups } from "@aws-sdk/client-ec2";
import { paginateListServices } from "@aws-sdk/client-ecs";
import {
  DescribeTargetGroupsCommand,
  paginateDescribeRules,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { GetAccountSummaryCommand } from "@aws-sdk/client-iam";
import { paginateListSecrets } from "@aws-sdk/client-secrets-manager";
import { GetServiceQuotaCommand } from "@aws-sdk/client-service-quotas";
import type { AwsClients } from "./awsClients.ts";
import type { Usage, UsageName, UsageQuery } from "./cloudRuntime.ts";

/**
 * Used and limit of each, by the calls that tell them. Every number stands for itself: one that the role may not ask, or that
 * AWS does not tell, is null with the reason, and the others are told all the same.
 */
type Ask = (clients: AwsClients, query: UsageQuery) => Promise<number | undefined>;

/** Counting further than this would take longer than the advice is worth. */
const COUNT_LIMIT = 20_000;
/** AWS keeps this many addresses of each subnet. */
const KEPT_ADDRESSES = 5;

/** Quota codes of Service Quotas; the same in every region. */
const quota =
  (serviceCode: string, quotaCode: string): Ask =>
  async ({ quotas }) => {
    const { Quota } = await quotas.send(
      new GetServiceQuotaCommand({ ServiceCode: serviceCode, QuotaCode: quotaCode }),
    );
    return Quota?.Value;
  };

const subnetsOf = async ({ ec2 }: AwsClients, { subnetIds }: UsageQuery) => {
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [...subnetIds] }));
  return Subnets.map(({ CidrBlock = "", AvailableIpAddressCount = 0 }) => ({
    free: AvailableIpAddressCount,
    all: Math.max(0, 2 ** (32 - Number(CidrBlock.split("/")[1] ?? 32)) - KEPT_ADDRESSES),
  }));
};

const summary =
  (member: "Roles" | "RolesQuota"): Ask =>
  async ({ iam }) =>
    (await iam.send(new GetAccountSummaryCommand({}))).SummaryMap?.[member];

const ASKED: Readonly<Record<UsageName, { readonly used: Ask; readonly limit: Ask }>> = {
  ecs_services: {
    used: ({ ecs: client }, { cluster }) =>
      counted(
        paginateListServices({ client, pageSize: 100 }, { cluster }),
        (page) => page.serviceArns?.length,
      ),
    limit: quota("ecs", "L-9EF96962"),
  },
  listener_rules: {
    // The default rule is not counted against the quota.
    used: ({ loadBalancing: client }, { listenerArn }) =>
      counted(
        paginateDescribeRules({ client }, { ListenerArn: listenerArn }),
        ({ Rules = [] }) => Rules.filter(({ IsDefault }) => IsDefault !== true).length,
      ),
    limit: quota("elasticloadbalancing", "L-E4F14A08"),
  },
  target_groups: {
    used: async ({ loadBalancing }, { loadBalancerArn }) => {
      const asked = new DescribeTargetGroupsCommand({ LoadBalancerArn: loadBalancerArn });
      return (await loadBalancing.send(asked)).TargetGroups?.length;
    },
    limit: quota("elasticloadbalancing", "L-7E6692B2"),
  },
  iam_roles: { used: summary("Roles"), limit: summary("RolesQuota") },
  security_groups: {
    used: ({ ec2: client }) =>
      counted(
        paginateDescribeSecurityGroups({ client, pageSize: 1000 }, {}),
        (page) => page.SecurityGroups?.length,
      ),
    limit: quota("vpc", "L-E79EC296"),
  },
  secrets: {
    used: ({ secrets: client }) =>
      counted(paginateListSecrets({ client, pageSize: 100 }, {}), (page) => page.SecretList?.length),
    limit: quota("secretsmanager", "L-2F66C23C"),
  },
  log_groups: {
    used: ({ logs: client }) =>
      counted(paginateDescribeLogGroups({ client, pageSize: 50 }, {}), (page) => page.logGroups?.length),
    limit: quota("logs", "L-C7B9AAAB"),
  },
  fargate_vcpus: {
    // What runs now is told by CloudWatch's usage metrics only; the limit is what a new account meets first.
    used: async () => undefined,
    limit: quota("fargate", "L-3032A538"),
  },
  subnet_addresses: {
    used: async (clients, query) => {
      const subnets = await subnetsOf(clients, query);
      return subnets.reduce((sum, { all, free }) => sum + all - free, 0);
    },
    limit: async (clients, query) => (await subnetsOf(clients, query)).reduce((sum, { all }) => sum + all, 0),
  },
};

export async function awsUsage(clients: AwsClients, query: UsageQuery): Promise<readonly Usage[]> {
  return Promise.all(
    (Object.keys(ASKED) as UsageName[]).map(async (name) => {
      const [used, limit] = await Promise.all([
        told(() => ASKED[name].used(clients, query)),
        told(() => ASKED[name].limit(clients, query)),
      ]);
      const problem = used.problem ?? limit.problem;
      return { name, used: used.value, limit: limit.value, ...(problem === undefined ? {} : { problem }) };
    }),
  );
}

interface Told {
  readonly value: number | null;
  readonly problem?: string;
}

async function told(ask: () => Promise<number | undefined>): Promise<Told> {
  try {
    const value = await ask();
    return value === undefined ? { value: null, problem: "AWS does not tell it" } : { value };
  } catch (thrown) {
    return {
      value: null,
      problem: thrown instanceof Error ? `${thrown.name}: ${thrown.message}`.slice(0, 300) : "failed",
    };
  }
}

async function counted<Page>(
  pages: AsyncIterable<Page>,
  of: (page: Page) => number | undefined,
): Promise<number | undefined> {
  let count = 0;
  for await (const page of pages) {
    count += of(page) ?? 0;
    if (count > COUNT_LIMIT) return count;
  }
  return count;
}
