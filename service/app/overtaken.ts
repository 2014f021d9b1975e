import { ProblemError } from "../../contract/errors.ts";
import type { OperationId } from "../../contract/routes.ts";
import type { AuthorizationDecision } from "./context.ts";

/** A refusal as the audit chain is to have it. */
export interface Denial {
  readonly action: OperationId;
  /** On whose chain; undefined: the fleet's. */
  readonly tenantId: string | undefined;
  /** What `tenantry_denied_requests_total` counts it as. */
  readonly counted: "policy" | "policy_error" | "environment" | "entitlement";
  readonly details: Readonly<Record<string, unknown>>;
  /** The decision that it is; absent where no policy was asked. */
  readonly made?: AuthorizationDecision;
}

/** A refusal that came only inside the change, which takes everything back, its record included: that is made afterwards. */
export class Overtaken extends ProblemError {
  readonly denials: readonly Denial[];

  constructor(denials: readonly Denial[], { code, options }: Pick<ProblemError, "code" | "options">) {
    super(code, options);
    this.denials = denials;
  }
}
