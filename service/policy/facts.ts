import type { Tenant } from "../../contract/tenant.ts";
import type { EnvironmentName, IsolationLevel } from "../../contract/vocabulary.ts";

/**
 * What a request would do, as far as policies look at it. An app function says what it knows; what it leaves out is not
 * there for a policy either, so that `context has plan` means that the request changes or names the plan.
 */
export interface PolicyFacts {
  readonly reason?: string | null | undefined;
  /** The plan that the tenant would have, and its version where the request names one. */
  readonly plan?: string | undefined;
  readonly planVersion?: number | undefined;
  readonly isolation?: IsolationLevel | undefined;
  /** The regions that would be allowed. */
  readonly regions?: readonly string[] | undefined;
  readonly planes?: readonly string[] | undefined;
  readonly environments?: readonly EnvironmentName[] | undefined;
  /** Without the grace period. */
  readonly immediately?: boolean | undefined;
  /** Past windows and freezes. */
  readonly emergency?: boolean | undefined;
  readonly release?: number | undefined;
  /** The tenant as it would be made, where there is none yet. */
  readonly newTenant?: NewTenant | undefined;
}

export type NewTenant = Pick<
  Tenant,
  "slug" | "plan" | "isolation" | "regions" | "labels" | "dataClassification" | "planes"
>;
