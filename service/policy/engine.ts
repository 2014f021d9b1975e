import type { OperationId } from "../../contract/routes.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { Principal } from "../app/context.ts";
import type { PolicyFacts } from "./facts.ts";

/** What is asked of the policies: who would do what to whom, and when. */
export interface PolicyQuery {
  readonly principal: Principal;
  readonly action: OperationId;
  readonly tenant?: Tenant | undefined;
  readonly targets?: readonly Target[] | undefined;
  readonly facts: PolicyFacts;
  readonly now: Date;
}

export interface PolicyReason {
  readonly policyId: string;
  readonly reason: string;
  /** What to change; null where the policy does not say. */
  readonly advice: string | null;
}

/** `error`: evaluating failed, which denies as well. */
export interface PolicyDecision {
  readonly outcome: "allow" | "deny" | "error";
  /** Ids of those that decided. */
  readonly policies: readonly string[];
  readonly reasons: readonly PolicyReason[];
  readonly errors: readonly string[];
  readonly version: string;
}

export interface Policies {
  readonly version: string;
  decide(query: PolicyQuery): PolicyDecision;
}

export function allowAll(): Policies {
  const allowed = { outcome: "allow", policies: [], reasons: [], errors: [], version: "none" } as const;
  return { version: "none", decide: () => allowed };
}
