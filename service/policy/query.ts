import type { OperationId } from "../../contract/routes.ts";
import type { ApiKeyRole, EnvironmentName } from "../../contract/vocabulary.ts";

/** What is asked of the policies: who would do what to whom, and when. Complete: nothing is looked up for it any more. */
export interface PolicyQuery {
  readonly principal: PolicyPrincipal;
  readonly action: OperationId;
  /** Null: nothing of a tenant's, but of the fleet's. */
  readonly tenant: PolicyTenant | null;
  readonly facts: PolicyContext;
  readonly now: Date;
}

export interface PolicyPrincipal {
  readonly id: string;
  readonly name: string;
  readonly role: ApiKeyRole | null;
  readonly environments?: readonly EnvironmentName[] | null;
}

export interface PolicyTenant {
  readonly tenantId: string;
  readonly slug: string;
  readonly status: string;
  readonly plan: string;
  readonly isolation: string;
  readonly allowedRegions: readonly string[];
  readonly preferredRegions: readonly string[];
  readonly regions: readonly string[];
  readonly environments: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly dataClassification: string;
  readonly managedBy: string;
  readonly legalHold: boolean;
}

/** The context of a request, without its time; see schema.ts for what each means. */
export interface PolicyContext {
  readonly reason: string;
  readonly emergency: boolean;
  readonly immediately: boolean;
  readonly release: number | null;
  readonly changes: readonly string[];
  readonly wanted: {
    readonly plan: string;
    readonly isolation: string;
    readonly allowedRegions: readonly string[];
    readonly planes: readonly string[];
    readonly regions: readonly string[];
    readonly environments: readonly string[];
  };
  readonly plan: {
    readonly key: string;
    readonly isolation: readonly string[];
    readonly features: readonly string[];
  };
  readonly downgrade: boolean;
  readonly exceeded: readonly string[];
  readonly window: { readonly open: boolean; readonly why: string };
}

export interface PolicyReason {
  readonly policyId: string;
  readonly reason: string;
  /** What to change; null where the policy does not say. */
  readonly advice: string | null;
  /** The kind of security event that a denial by it is; null for most. */
  readonly security: SecurityKind | null;
}

export const SECURITY_KINDS = ["cross_region"] as const;
export type SecurityKind = (typeof SECURITY_KINDS)[number];

/** `error`: evaluating failed, which denies as well. */
export interface PolicyDecision {
  readonly outcome: "allow" | "deny" | "error";
  /** Ids of those that decided. */
  readonly policies: readonly string[];
  readonly reasons: readonly PolicyReason[];
  readonly errors: readonly string[];
  readonly version: string | null;
}
