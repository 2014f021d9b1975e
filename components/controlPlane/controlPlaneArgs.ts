import type { Making } from "../making.ts";
import type { Location } from "../policyDocument.ts";
import type { PostgresSize } from "../postgres.ts";
import type { Tags } from "../tags.ts";

/** Everything a control plane can be told; the stack fills in defaults per environment. */
export interface ControlPlaneArgs {
  readonly environment: string;
  readonly location: Location;
  /** Where the API answers, inside the network. */
  readonly domain: string;
  readonly parentZoneId?: string | undefined;
  readonly tags: Tags;
  /** Deletion protection, a final snapshot, and no bucket that still holds objects is deleted. */
  readonly protect: boolean;
  readonly waitForSteadyState: boolean;
  readonly image: string;
  readonly network: {
    readonly cidrBlock: string;
    readonly zones: readonly string[];
    readonly natGateways: "Single" | "OnePerAz";
    /** Who may reach the API. */
    readonly allowedCidrBlocks: readonly string[];
  };
  readonly database: PostgresSize;
  readonly api: TaskSize;
  readonly worker: TaskSize & {
    /** Operations at once in one task. */
    readonly concurrency: number;
    readonly engineWorkers: number;
  };
  /** The Pulumi project of the planes, and which of its stacks are read at the start. */
  readonly planeProject: string;
  readonly planeStacks: readonly string[];
  /** Accounts whose planes are driven; their controller roles must trust this account. */
  readonly planeAccounts: readonly string[];
  readonly containerInsights: boolean;
  readonly logRetentionDays: number;
  readonly secretRecoveryDays: number;
  readonly keyDeletionDays: number;
}

export interface TaskSize {
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly count: number;
}

/** What the parts share while the control plane is being put together. */
export interface ControlPlaneBuild extends Making {
  readonly args: ControlPlaneArgs;
  readonly names: ControlPlaneNames;
}

export interface ControlPlaneNames {
  /** `tenantry-control-<environment>`. */
  readonly name: string;
  readonly stateBucketName: string;
  readonly keyAlias: string;
  readonly secretsKeyAlias: string;
  readonly rolePath: string;
  readonly logGroupPrefix: string;
  readonly signingKeySecretName: string;
  readonly finalSnapshotName: string;
}

export function controlPlaneNames(environment: string, accountId: string): ControlPlaneNames {
  const name = `tenantry-control-${environment}`;
  return {
    name,
    stateBucketName: `${name}-${accountId}-state`,
    keyAlias: `alias/${name}`,
    secretsKeyAlias: `alias/${name}-pulumi-secrets`,
    rolePath: `/tenantry/control/${environment}/`,
    logGroupPrefix: `/tenantry/control/${environment}/`,
    signingKeySecretName: `/${environment}/control/signing-key`,
    finalSnapshotName: `${name}-final`,
  };
}
