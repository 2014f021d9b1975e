import type * as aws from "@pulumi/aws";
import { z } from "zod";

/**
 * How a stack reaches AWS. The one place where a provider's settings come from: the same programs run on AWS,
 * LocalStack, moto or any other stand-in by these values alone.
 */
export const ProviderSettings = z.strictObject({
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "must be an AWS region such as eu-west-1"),
  profile: z.string().min(1).optional(),
  /** One URL for every service, or one per service by the provider's key for it (`ecs`, `s3`, …). */
  endpoints: z.union([z.url(), z.record(z.string(), z.url())]).optional(),
  assumeRole: z
    .strictObject({
      roleArn: z.string().min(1),
      sessionName: z.string().min(1).optional(),
      externalId: z.string().min(1).optional(),
      durationSeconds: z.int().min(900).max(43_200).optional(),
    })
    .optional(),
  /** The provider refuses to start in any other account. */
  allowedAccountIds: z.array(z.string().regex(/^\d{12}$/, "must be a 12-digit account id")).optional(),
  /** Off for stand-ins whose services never become steady (moto). Default: true. */
  waitForSteadyState: z.boolean().optional(),
});
export type ProviderSettings = z.infer<typeof ProviderSettings>;

/** The provider's keys for the services that our stacks call. */
const SERVICE_KEYS = [
  "acm",
  "appautoscaling",
  "cloudwatchlogs",
  "ec2",
  "ecs",
  "elbv2",
  "iam",
  "kms",
  "rds",
  "route53",
  "s3",
  "secretsmanager",
  "servicediscovery",
  "sqs",
  "sts",
] as const;

/** Pure: the explicit provider's arguments. */
export function awsProviderArgs(settings: ProviderSettings): aws.ProviderArgs {
  const { region, profile, endpoints, assumeRole, allowedAccountIds } = settings;
  return {
    region: region as aws.Region,
    ...(profile === undefined ? {} : { profile }),
    ...(allowedAccountIds === undefined ? {} : { allowedAccountIds }),
    ...(assumeRole === undefined ? {} : { assumeRoles: [assumeRoleArgs(assumeRole)] }),
    ...(endpoints === undefined ? {} : endpointArgs(endpoints)),
  };
}

function assumeRoleArgs(role: NonNullable<ProviderSettings["assumeRole"]>) {
  return {
    roleArn: role.roleArn,
    ...(role.sessionName === undefined ? {} : { sessionName: role.sessionName }),
    ...(role.externalId === undefined ? {} : { externalId: role.externalId }),
    ...(role.durationSeconds === undefined ? {} : { duration: `${role.durationSeconds}s` }),
  };
}

function endpointArgs(endpoints: NonNullable<ProviderSettings["endpoints"]>): aws.ProviderArgs {
  const byService =
    typeof endpoints === "string"
      ? Object.fromEntries(SERVICE_KEYS.map((key) => [key, endpoints]))
      : endpoints;
  const urls = Object.values(byService);
  return { endpoints: [byService], ...(urls.every(isAmazons) ? {} : standInArgs) };
}

/**
 * What a stand-in needs, all together or not at all: it checks no keys, has no metadata service, and answers S3 by
 * path because it has no wildcard DNS. The account id is still asked for, since ARNs are made of it.
 */
const standInArgs = {
  accessKey: "stand-in",
  secretKey: "stand-in",
  skipCredentialsValidation: true,
  skipMetadataApiCheck: true,
  skipRegionValidation: true,
  s3UsePathStyle: true,
} as const;

/** Amazon's own endpoints (FIPS, a VPC's interface endpoints) take real credentials. */
function isAmazons(url: string): boolean {
  return /(^|\.)amazonaws\.com(\.cn)?$/.test(new URL(url).hostname);
}
