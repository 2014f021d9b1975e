import { z } from "zod";
import { Environment } from "../plane/outputs.ts";
import { ProviderSettings } from "../provider.ts";

/**
 * The control plane's configuration: what Pulumi.<stack>.yaml in this folder may say, checked at once. Keys are in the
 * namespace `tenantry:`, except `aws:region`.
 */
const TaskSize = (cpu: number, memoryMiB: number) =>
  z
    .strictObject({
      cpu: z.int().min(256).max(16_384).default(cpu),
      memoryMiB: z.int().min(512).max(122_880).default(memoryMiB),
      count: z.int().min(0).max(100).optional(),
    })
    .prefault({});

export const ControlPlaneConfig = z.strictObject({
  environment: Environment,
  domain: z
    .string()
    .regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, "must be a domain such as control.example.com"),
  image: z.string().min(1),
  aws: ProviderSettings,
  dns: z.strictObject({ parentZoneId: z.string().min(1).optional() }).default({}),
  protect: z.boolean().optional(),
  network: z
    .strictObject({
      /** A /20; distinct from the planes', so that they can be peered. */
      cidrBlock: z.cidrv4().default("10.31.0.0/20"),
      zones: z.array(z.string().min(1)).min(2).max(3).optional(),
      natGateways: z.enum(["Single", "OnePerAz"]).optional(),
      /** Who may reach the API. Default: this network alone. */
      allowedCidrBlocks: z.array(z.cidrv4()).min(1).optional(),
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
  api: TaskSize(512, 2_048),
  worker: z
    .strictObject({
      ...TaskSize(2_048, 8_192).unwrap().shape,
      concurrency: z.int().min(1).max(64).default(8),
      engineWorkers: z.int().min(1).max(64).default(4),
    })
    .prefault({}),
  planes: z
    .strictObject({
      project: z.string().min(1).default("tenantry"),
      stacks: z.array(z.string().min(1)).default([]),
      /** Default: this account. */
      accounts: z
        .array(z.string().regex(/^\d{12}$/, "must be a 12-digit account id"))
        .min(1)
        .optional(),
    })
    .prefault({}),
  containerInsights: z.boolean().optional(),
});
export type ControlPlaneConfig = z.infer<typeof ControlPlaneConfig>;

export class ControlPlaneConfigError extends Error {
  constructor(stack: string, problems: readonly string[]) {
    super(
      `Cannot run the control plane ${stack}: its configuration is not valid.\n` +
        problems.map((problem) => `  ${problem}`).join("\n") +
        `\nSet values with \`pulumi config set --stack ${stack} --path tenantry:<key> <value>\` in stacks/controlPlane.`,
    );
    this.name = "ControlPlaneConfigError";
  }
}

/** Throws ControlPlaneConfigError listing every problem with its key. */
export function parseControlPlaneConfig(
  stack: string,
  raw: Readonly<Record<string, unknown>>,
): ControlPlaneConfig {
  const parsed = ControlPlaneConfig.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => {
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [undefined];
    return keys.map((key) => {
      const path = key === undefined ? issue.path : [...issue.path, key];
      const words = key === undefined ? issue.message : "is not a setting of a control plane";
      return `${path.join(".") === "aws.region" ? "aws:region" : `tenantry:${path.join(".")}`}: ${words}`;
    });
  });
  throw new ControlPlaneConfigError(stack, problems);
}
