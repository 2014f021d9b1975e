import { z } from "zod";
import { DatabaseConfig, DomainName, parseStackConfig } from "../config.ts";
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
  domain: DomainName,
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
  database: DatabaseConfig,
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

/** Throws StackConfigError listing every problem with its key; `raw` is what stackConfigOf gives. */
export function parseControlPlaneConfig(
  stack: string,
  raw: Readonly<Record<string, unknown>>,
): ControlPlaneConfig {
  return parseStackConfig({ what: "control plane", stack }, ControlPlaneConfig, raw);
}
