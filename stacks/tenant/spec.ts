import { createHash } from "node:crypto";
import { z } from "zod";
import {
  ISOLATION_LEVELS,
  isolationOf,
  NETWORKS,
  OWNERSHIPS,
} from "../../components/tenantServiceSet/isolation.ts";
import { SERVICE_NAMES } from "../../components/tenantServiceSet/services.ts";
import { Environment, PlaneOutputs } from "../plane/outputs.ts";
import { ProviderSettings } from "../provider.ts";
import { canonicalJson } from "./canonicalJson.ts";

export { TENANT_SUBNET_BLOCKS, tenantSubnetBlock } from "../../components/tenantServiceSet/addresses.ts";
export {
  type DedicatedNetwork,
  type Isolation,
  type IsolationLevel,
  isolationOf,
} from "../../components/tenantServiceSet/isolation.ts";
export {
  SERVICE_NAMES,
  SERVICE_SHAPES,
  type ServiceName,
} from "../../components/tenantServiceSet/services.ts";

/**
 * The spec: everything one target's stack depends on, resolved and frozen as JSON. The tenant program is a pure
 * function of it, so its digest is the version of the deployment: equal digest, last operation succeeded and no
 * open drift means that there is nothing to run.
 */
const ServiceSize = z
  .strictObject({
    /** CPU units; 1024 are one vCPU. */
    cpu: z.int().min(256).max(16_384),
    memoryMiB: z.int().min(512).max(122_880),
    minCount: z.int().min(0).max(1_000),
    maxCount: z.int().min(1).max(1_000),
  })
  .refine((size) => size.minCount <= size.maxCount, { message: "minCount must not exceed maxCount" });
export type ServiceSize = z.infer<typeof ServiceSize>;

const ServiceRelease = z.strictObject({
  image: z.string().min(1).max(512),
  environment: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()),
});
export type ServiceRelease = z.infer<typeof ServiceRelease>;

const services = z.enum(SERVICE_NAMES);

const ownership = z.enum(OWNERSHIPS);
const IsolationParts = z
  .strictObject({
    level: z.enum(ISOLATION_LEVELS),
    cluster: ownership,
    queues: z.literal("own"),
    bucket: ownership,
    database: ownership,
    key: ownership,
    network: z.enum(NETWORKS),
    cidrBlock: z.cidrv4().nullable(),
    loadBalancer: ownership,
  })
  .refine(({ network, cidrBlock }) => (network === "shared") === (cidrBlock === null), {
    message: "must come with a cidrBlock exactly where the network is not shared",
    path: ["cidrBlock"],
  })
  .refine(({ network, loadBalancer }) => (network === "shared") === (loadBalancer === "shared"), {
    message: "must be the tenant's own exactly where the network is",
    path: ["loadBalancer"],
  });
/** Specs of before there were modes say the word alone. */
const SpecIsolation = z.preprocess(
  (value) => (value === "pooled" ? isolationOf("pooled") : value),
  IsolationParts,
);

/**
 * `resuming` is `running` for the first run after `suspended`: the task counts are written instead of being left
 * to autoscaling. Without it they would stay at the suspended zero, which autoscaling never raises by itself.
 */
export const WORKLOADS = ["running", "suspended", "resuming"] as const;

/** Generations number the placements of one tenant on one plane; the limit keeps the longest name within AWS's. */
export const GENERATION_MAX = 9_999;

export const TenantSpec = z.strictObject({
  formatVersion: z.literal(1),
  tenant: z.strictObject({
    tenantId: z.uuid().lowercase(),
    slug: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be a DNS label"),
    displayName: z.string().min(1).max(200),
    /** How carefully its data must be treated; a tag on everything it has. */
    dataClassification: z.string().min(1).max(64).default("confidential"),
  }),
  environment: Environment,
  generation: z.int().min(1).max(GENERATION_MAX),
  isolation: SpecIsolation,
  plane: z.strictObject({
    name: z.string().min(1),
    region: z.string().min(1),
    accountId: z.string().regex(/^\d{12}$/),
    outputs: PlaneOutputs,
  }),
  plan: z.strictObject({ key: z.string().min(1).max(64), services: z.record(services, ServiceSize) }),
  release: z.strictObject({
    releaseId: z.string().min(1),
    number: z.int().min(1),
    services: z.record(services, ServiceRelease),
  }),
  config: z.strictObject({
    /** Environment variables of all five services. */
    settings: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()),
    /**
     * Environment variable → name of a secret below `/<environment>/tenants/<tenantId>/<service>/`, given to that
     * service alone. Never a value.
     */
    secretRefs: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().min(1).max(512)),
  }),
  workload: z.enum(WORKLOADS),
  /** Whether a load balancer of the tenant's own lets its users in; the plane's router asks its routes instead. */
  access: z.enum(["open", "suspended"]).default("open"),
  programVersion: z.strictObject({
    program: z.string().min(1),
    providers: z.strictObject({ aws: z.string().min(1) }),
  }),
  provider: ProviderSettings,
});
export type TenantSpec = z.infer<typeof TenantSpec>;

/** SHA-256 (hex) of the spec's canonical JSON. */
export function specDigest(spec: TenantSpec): string {
  return createHash("sha256").update(canonicalJson(spec)).digest("hex");
}
