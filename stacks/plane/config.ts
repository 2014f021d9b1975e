import { z } from "zod";
import { ProviderSettings } from "../provider.ts";
import { Environment } from "./outputs.ts";

/**
 * A plane's configuration: what Pulumi.<stack>.yaml may say, checked at once, and the defaults of each environment.
 * Keys are in the namespace `tenantry:`, except `aws:region`, which is where users of Pulumi expect the region.
 */
export const PlaneConfig = z.strictObject({
  environment: Environment,
  domain: z
    .string()
    .regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, "must be a domain such as dev.example.com"),
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
  database: z
    .strictObject({
      engineVersion: z
        .string()
        .regex(/^\d+(\.\d+)?$/)
        .default("17.4"),
      instances: z.int().min(1).max(15).optional(),
      minCapacity: z.number().min(0.5).max(256).multipleOf(0.5).optional(),
      maxCapacity: z.number().min(1).max(256).multipleOf(0.5).optional(),
      backupRetentionDays: z.int().min(1).max(35).optional(),
    })
    .prefault({}),
  router: z.strictObject({
    image: z.string().min(1),
    /** Tenantry's own image runs its router with `["router/main.ts"]`. */
    command: z.array(z.string()).min(1).optional(),
    cpu: z.int().min(256).default(256),
    memoryMiB: z.int().min(512).default(512),
    count: z.int().min(0).max(100).optional(),
    healthPath: z.string().startsWith("/").default("/"),
    environment: z.record(z.string(), z.string()).default({}),
  }),
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

export class PlaneConfigError extends Error {
  constructor(stack: string, problems: readonly string[]) {
    super(
      `Cannot run the plane ${stack}: its configuration is not valid.\n` +
        problems.map((problem) => `  ${problem}`).join("\n") +
        `\nSet values with \`pulumi config set --stack ${stack} --path tenantry:<key> <value>\`.`,
    );
    this.name = "PlaneConfigError";
  }
}

/**
 * A stack's whole configuration (`tenantry:domain` → text) as parsePlaneConfig takes it. Every key of ours comes
 * along, so that one misspelt is refused instead of ignored. Throws for settings of Pulumi's default aws provider: the
 * plane brings a provider of its own, and would silently run without, say, `aws:allowedAccountIds`.
 */
export function planeConfigOf(stack: string, all: Readonly<Record<string, string>>): Record<string, unknown> {
  const region = all["aws:region"];
  const unread = Object.keys(all).filter((key) => key.startsWith("aws:") && key !== "aws:region");
  if (unread.length > 0) {
    const problems = unread.map(
      (key) => `${key}: must be set as tenantry:aws.${key.slice("aws:".length)}, or be left out`,
    );
    throw new PlaneConfigError(stack, problems);
  }
  const ours = Object.entries(all).filter(([key]) => key.startsWith(NAMESPACE));
  const { aws, ...rest } = Object.fromEntries(
    ours.map(([key, text]): [string, unknown] => [key.slice(NAMESPACE.length), parsed(text)]),
  );
  const regionOnly = region === undefined ? {} : { region };
  return { ...rest, aws: typeof aws === "object" ? { ...regionOnly, ...aws } : (aws ?? regionOnly) };
}

const NAMESPACE = "tenantry:";

/** Objects come as JSON text, plain values as themselves. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Throws PlaneConfigError listing every problem with its key. */
export function parsePlaneConfig(stack: string, raw: Readonly<Record<string, unknown>>): PlaneConfig {
  const parsed = PlaneConfig.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new PlaneConfigError(stack, parsed.error.issues.flatMap(problemsOf));
}

function problemsOf(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code !== "unrecognized_keys") return [`${keyOf(issue.path)}: ${issue.message}`];
  return issue.keys.map((key) => `${keyOf([...issue.path, key])}: is not a setting of a plane`);
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.join(".") === "aws.region" ? "aws:region" : `${NAMESPACE}${path.join(".")}`;
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
