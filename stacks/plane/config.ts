import { z } from "zod";
import { DatabaseConfig, DomainName, parseStackConfig } from "../config.ts";
import { ProviderSettings } from "../provider.ts";
import { Environment } from "./outputs.ts";

/**
 * A plane's configuration: what Pulumi.<stack>.yaml may say, checked at once, and the defaults of each environment.
 * Keys are in the namespace `tenantry:`, except `aws:region`, which is where users of Pulumi expect the region.
 */
export const PlaneConfig = z.strictObject({
  environment: Environment,
  domain: DomainName,
  /** How to reach AWS; `region` may be left to `aws:region`. */
  aws: ProviderSettings,
  /**
   * The id of the one tenant that the plane is for, in an account of its own that `aws.assumeRole` leads to. It becomes
   * part of the plane's name.
   */
  dedicatedTo: z.uuid().lowercase().optional(),
  /** What a tenant in dedicated isolation gets here: a VPC of its own, or subnets in the plane's. Default: subnets. */
  dedicatedNetwork: z.enum(["vpc", "subnets"]).optional(),
  dns: z.strictObject({ parentZoneId: z.string().min(1).optional() }).default({}),
  /** Deletion protection, final snapshots, filled buckets kept. Default: on in stage and prod. */
  protect: z.boolean().optional(),
  network: z
    .strictObject({
      cidrBlock: z.cidrv4().default("10.32.0.0/16"),
      /** Two or three; default: the first three of the region. */
      zones: z.array(z.string().min(1)).min(2).max(3).optional(),
      /** Default: one in dev, one per zone elsewhere. */
      natGateways: z.enum(["Single", "OnePerAz"]).optional(),
      allowedCidrBlocks: z.array(z.cidrv4()).min(1).default(["0.0.0.0/0"]),
    })
    .prefault({}),
  database: DatabaseConfig,
  router: z
    .strictObject({
      /** Default: Tenantry's own router, from the repository `tenantry/router` of the plane's account and region. */
      image: z.string().min(1).optional(),
      /** The image of the whole service runs its router with `["router/main.ts"]`. */
      command: z.array(z.string()).min(1).optional(),
      /** Public keys, in PEM, of those whose routing is taken: those of the control service. Without any none is. */
      trustedKeys: z.array(z.string().includes("-----BEGIN PUBLIC KEY-----")).max(10).default([]),
      cpu: z.int().min(256).default(256),
      memoryMiB: z.int().min(512).default(512),
      count: z.int().min(0).max(100).optional(),
      healthPath: z.string().startsWith("/").default("/healthz"),
      environment: z.record(z.string(), z.string()).default({}),
    })
    .prefault({}),
  /** With any, hosts beyond the plane's domain go to the router too. */
  customDomains: z
    .strictObject({
      /** Of ACM, in the plane's region: a load balancer takes 25 besides its own unless AWS raises that. */
      certificateArns: z
        .array(z.string().regex(/^arn:aws[a-z-]*:acm:[^:]+:\d{12}:certificate\/\S+$/))
        .max(100)
        .default([]),
    })
    .prefault({}),
  controller: z
    .strictObject({
      /** Default: the account itself, whose IAM then decides. */
      trustedPrincipals: z.array(z.string().startsWith("arn:")).min(1).optional(),
      externalId: z.string().min(2).optional(),
      /** Admitted to the plane's database, from a network that is peered with it. */
      cidrBlocks: z.array(z.cidrv4()).default([]),
    })
    .prefault({}),
  retention: z
    .strictObject({
      /** One of the periods CloudWatch offers. */
      logDays: z
        .literal([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827])
        .optional(),
      /** How long a deleted secret can be restored, and its name is taken: 0, or 7 to 30. */
      secretRecoveryDays: z.union([z.literal(0), z.int().min(7).max(30)]).optional(),
      keyDeletionDays: z.int().min(7).max(30).optional(),
    })
    .prefault({}),
  containerInsights: z.boolean().optional(),
});
export type PlaneConfig = z.infer<typeof PlaneConfig>;

/** Throws StackConfigError listing every problem with its key; `raw` is what stackConfigOf gives. */
export function parsePlaneConfig(stack: string, raw: Readonly<Record<string, unknown>>): PlaneConfig {
  return parseStackConfig({ what: "plane", stack }, PlaneConfig, raw);
}

/** What an environment means where the file says nothing. */
export function environmentDefaults(environment: Environment) {
  const production = environment === "prod";
  return {
    protect: environment !== "dev",
    natGateways: environment === "dev" ? ("Single" as const) : ("OnePerAz" as const),
    databaseInstances: production ? 2 : 1,
    databaseMinCapacity: production ? 1 : 0.5,
    databaseMaxCapacity: production ? 16 : 2,
    backupRetentionDays: production ? 35 : 7,
    routerCount: environment === "dev" ? 1 : 2,
    logDays: production ? 365 : 30,
    secretRecoveryDays: environment === "dev" ? 0 : 30,
    keyDeletionDays: environment === "dev" ? 7 : 30,
    containerInsights: production,
  };
}
