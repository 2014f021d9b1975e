import type { Making } from "../making.ts";
import type { Location } from "../policyDocument.ts";
import type { PostgresSize } from "../postgres.ts";
import type { Tags } from "../tags.ts";

/** Everything a plane can be told; the stack fills in defaults per environment. */
export interface SharedPlaneArgs {
  readonly environment: string;
  /** `<environment>-<region>`; part of every name that could meet another plane's. */
  readonly planeName: string;
  readonly location: Location;
  /** Public domain; tenants answer at `<slug>.<domain>`. */
  readonly domain: string;
  /** Hosted zone of the parent domain, to delegate from; without it the name servers are set by hand. */
  readonly parentZoneId?: string;
  readonly tags: Tags;
  /** Deletion protection, final snapshots, and no bucket that still holds objects is deleted. */
  readonly protect: boolean;
  readonly waitForSteadyState: boolean;
  readonly network: NetworkArgs;
  readonly database: PostgresSize;
  readonly router: RouterArgs;
  /** Certificates of tenants' own domains, in the plane's region. */
  readonly customDomainCertificateArns: readonly string[];
  readonly controller: ControllerArgs;
  readonly containerInsights: boolean;
  readonly logRetentionDays: number;
  readonly secretRecoveryDays: number;
  readonly keyDeletionDays: number;
}

export interface NetworkArgs {
  /** A /16: two or three zones of one /19 for tasks and one /22 for the load balancer and NAT. */
  readonly cidrBlock: string;
  readonly zones: readonly string[];
  readonly natGateways: "Single" | "OnePerAz";
  /** Who may reach the load balancer. */
  readonly allowedCidrBlocks: readonly string[];
  /** Where the control service is, when it is in a network of its own: it provisions databases. */
  readonly controllerCidrBlocks: readonly string[];
}

export interface RouterArgs {
  readonly image: string;
  /** What the image is to run, when not what it runs by itself. */
  readonly command?: readonly string[] | undefined;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly count: number;
  readonly healthPath: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface ControllerArgs {
  /** IAM principals that may assume the controller's role. */
  readonly trustedPrincipals: readonly string[];
  readonly externalId?: string;
}

/** What the parts of a plane share while it is being put together. */
export interface PlaneBuild extends Making {
  readonly args: SharedPlaneArgs;
  /** `tenantry-<plane>`: the name of what the plane has one of. */
  readonly name: string;
}
