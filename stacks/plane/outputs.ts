import { z } from "zod";

/**
 * What a plane tells the control service and the tenant stacks. The control service reads these from the plane's
 * state, records them, and freezes them into every spec; nothing else of a plane is known outside its stack.
 */
const text = z.string().min(1);

export const ENVIRONMENTS = ["dev", "stage", "prod"] as const;
export const Environment = z.enum(ENVIRONMENTS);
export type Environment = z.infer<typeof Environment>;

export const PlaneOutputs = z.object({
  formatVersion: z.literal(1),
  planeName: text,
  environment: Environment,
  region: text,
  accountId: z.string().regex(/^\d{12}$/, "must be a 12-digit account id"),
  partition: text,
  domain: text,

  vpcId: text,
  availabilityZones: z.array(text).min(2),
  publicSubnetIds: z.array(text).min(2),
  privateSubnetIds: z.array(text).min(2),
  /** In the order of the private subnets, for tenants with subnets of their own; planes of before do not tell. */
  privateRouteTableIds: z.array(text).min(2).optional(),
  vpcCidrBlock: text.optional(),
  /** Who may reach a load balancer of the plane or of a tenant on it. Default: everybody. */
  allowedCidrBlocks: z.array(text).min(1).optional(),
  /** Whence the control service reaches databases, the plane's and those of tenants on it. */
  controllerCidrBlocks: z.array(text).min(1).optional(),
  /** What a dedicated tenant gets here: a VPC, or subnets in the plane's. Default: subnets. */
  dedicatedNetwork: z.enum(["vpc", "subnets"]).optional(),
  /** The one tenant that the plane is for; everybody's without. */
  dedicatedTo: z.uuid().lowercase().optional(),
  routerSecurityGroupId: text,
  /** Worn by every tenant task beside its own group; what shared services such as the database admit. */
  taskSecurityGroupId: text,

  clusterName: text,
  clusterArn: text,
  serviceNamespaceId: text,
  serviceNamespaceName: text,
  loadBalancerArn: text,
  loadBalancerDnsName: text,
  httpsListenerArn: text,
  routerServiceArn: text,
  dnsZoneId: text,
  dnsNameServers: z.array(text),
  certificateArn: text,

  dataBucketName: text,
  dataBucketArn: text,
  snapshotBucketName: text,
  snapshotBucketArn: text,
  /** Planes made before tenants could be archived have none until their next `pulumi up`. */
  archiveBucketName: text.optional(),
  kmsKeyArn: text,
  databaseClusterIdentifier: text,
  databaseEndpoint: text,
  databaseReaderEndpoint: text,
  databasePort: z.int().positive(),
  databaseName: text,
  /** The managed master password's secret; its value is in no state. */
  databaseMasterSecretArn: text,

  tenantBoundaryArn: text,
  tenantRolePath: text,
  /** Runs the tenants' stacks. */
  controllerRoleArn: text,
  /** Does what no stack declares; planes of before leave it to the controller. */
  automationRoleArn: text.optional(),
  /** What both roles ask of whoever assumes them; no secret. */
  controllerExternalId: text.optional(),
  logRetentionDays: z.int().positive(),
  secretRecoveryDays: z.int().min(0).max(30),
});
export type PlaneOutputs = z.infer<typeof PlaneOutputs>;

export class PlaneOutputsError extends Error {
  readonly problems: readonly { readonly path: string; readonly message: string }[];

  constructor(problems: readonly { readonly path: string; readonly message: string }[]) {
    const listed = problems.map((problem) => `${problem.path}: ${problem.message}`).join("; ");
    super(
      `Cannot use the plane: its outputs are incomplete (${listed}). ` +
        "Run `pulumi up` on the plane's stack until it succeeds, then try again.",
    );
    this.name = "PlaneOutputsError";
    this.problems = problems;
  }
}

/** Checks what a plane's stack returned. Throws PlaneOutputsError naming every missing or wrong output. */
export function parsePlaneOutputs(value: unknown): PlaneOutputs {
  const parsed = PlaneOutputs.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PlaneOutputsError(
    parsed.error.issues.map((issue) => ({
      path: issue.path.length > 0 ? issue.path.join(".") : "outputs",
      message: issue.message,
    })),
  );
}
