import type { Manifest } from "../../contract/manifest.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { RolloutAhead } from "../../registry/rolloutTarget.ts";

/** All that a decision about one tenant rests on, as plain values: read in readFacts.ts, judged in decide.ts. */
export interface TenantFacts {
  readonly nowMs: number;
  readonly policy: ReconcilePolicy;
  readonly tenant: Pick<Tenant, "tenantId" | "status" | "requestedStatus" | "legalHold" | "recordVersion">;
  /** Absent for a tenant managed over the API: there, what was asked for last is what is declared. */
  readonly declared: Declared | undefined;
  readonly targets: readonly TargetFacts[];
}

export interface ReconcilePolicy {
  readonly mode: "report" | "correct";
  /** Failures in a row before a person is asked for; fewer when the error says that waiting does not help. */
  readonly attempts: number;
  readonly attemptsUnlessRetryable: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

export interface Declared extends Pick<Manifest["spec"], "state" | "planes"> {
  /** Null when rollouts and deployments decide. */
  readonly releaseNumber: number | null;
  /** Why the tenant is to be left as it is until its manifest is applied again. */
  readonly heldReason: string | null;
  /** Which declaration this is; null in a preview, which is acted on by nobody. */
  readonly declaration: string | null;
}

export interface TargetFacts
  extends Pick<Target, "targetId" | "planeName" | "deploymentState" | "requestedState" | "recordVersion"> {
  readonly liveOperationId: string | undefined;
  /** Since it last succeeded, or was declared anew. */
  readonly failures: Failures | undefined;
  readonly currentSpec: string | null;
  /** Undefined when it cannot be told; `specProblem` says why. */
  readonly desiredSpec: string | undefined;
  readonly specProblem: string | undefined;
  /** A rollout under way is to bring it what it has written on the tenant, when it is the target's turn. */
  readonly inRollout: RolloutAhead | undefined;
  readonly currentReleaseNumber: number | null;
  readonly desiredReleaseNumber: number | null;
  readonly drift: DriftFacts;
}

export interface Failures {
  readonly count: number;
  readonly lastAtMs: number;
  readonly lastOperationId: string;
  readonly retryable: boolean;
  readonly cancelled: boolean;
  /** What failed was a repair of drift: trying again takes from the hour's budget. */
  readonly isRepair: boolean;
  readonly message: string;
  /** 0 to 1, the same for the same operation: those that failed together must not return together. */
  readonly jitter: number;
}

/** Of what counts as drift: neither hidden nor ignored. */
export interface DriftFacts {
  readonly open: number;
  /** Why no repair may be made that nobody asked for; undefined when one may. */
  readonly needsPerson: string | undefined;
  readonly policy: "report" | "correct";
  /** Repairs that the plane's budget still allows in this hour. */
  readonly budgetLeft: number;
}
