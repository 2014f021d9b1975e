import type { Operation } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import type { DeploymentState, OperationKind } from "../../contract/vocabulary.ts";
import type { Change, ChangeScope } from "../../registry/registry.ts";
import type { TargetPatch } from "../../registry/target.ts";
import type { TransitionAction } from "../../registry/tenantLifecycle.ts";
import type { ReadingService, ServiceContext } from "../app/context.ts";
import type { Permit } from "../cloud/permit.ts";
import type { RunHooks } from "../engine/engine.ts";

/**
 * What an operation's file defines: the steps in their order, and what the registry says when they have ended.
 *
 * An operation leaves the old state or the new one. A step may be run again at any time, after a crash or a
 * failure, and says in words why that is harmless. When one fails for good, or the operation is cancelled or late, what
 * its steps have done is undone in reverse order, beginning with the step that failed (execute.ts); with
 * `onFailure: keep` it stays, for a person to look at and to retry from the failed step.
 */
export interface Saga {
  readonly kind: OperationKind;
  readonly steps: readonly Step[];
  /** Writes the observed state, in the transaction that ends the operation. */
  end(change: Change, run: EndedRun): Promise<void>;
}

export interface Step {
  readonly name: string;
  /** One sentence: why doing it again, or after half of it was done, is harmless. */
  readonly idempotence: string;
  /** Members of the result that later steps need but the journal does not keep; a resumed run repeats the step. */
  readonly inMemory?: readonly string[];
  /** What it returns is kept in the journal; later steps and a resumed run find it under the step's name. */
  run(run: StepRun): Promise<Record<string, unknown>>;
  /**
   * Brings back what was before the operation, also when `run` ended in the middle; may be run again like `run`. It
   * finds the target and its applied spec as the request left them, and in `results` what the journal keeps. A step without
   * it has nothing to bring back; "impossible" means that from this step on there is only forward, by a retry.
   */
  readonly undo?: "impossible" | ((run: StepRun) => Promise<void>);
}

export type StepResults = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface StepRun {
  /** Steps read the registry, and write to it through `change` alone. */
  readonly service: ReadingService;
  readonly operation: Operation;
  /** By it a step knows its effects again: the operation's id, or when it retries what was not undone, the first one's. */
  readonly causeId: string;
  readonly input: OperationInput;
  readonly target: Target;
  readonly results: StepResults;
  /** The engine run of this step that a dead service left behind, if there was one. */
  readonly cutOffRunId: string | undefined;
  /** It was begun earlier, by this operation or one that this one continues: half of it may be there, or all. */
  readonly begunBefore: boolean;
  /** With `begunBefore`: all earlier tries were this process's own, and the engine has certainly changed nothing in them. */
  readonly untouched: boolean;
  /** Goes with every call that works on a tenant's data: it ends when the step must stop, and with the lease. */
  readonly permit: Permit;
  /** Name, events into the journal, and cancelling, for an engine run. */
  readonly hooks: RunHooks & { readonly runId: string; readonly signal: AbortSignal };
  /**
   * A change in the service's name by the operation's owner. A step that stood still while somebody else took the operation over writes
   * nothing over what that one has written: the change is refused with LeaseLostError.
   */
  change<T>(work: (change: Change) => Promise<T>, scope?: ChangeScope): Promise<T>;
  say(message: string, data?: Record<string, unknown>): Promise<void>;
}

export interface EndedRun {
  readonly service: Pick<ServiceContext, "settings">;
  readonly operation: Operation;
  readonly input: OperationInput;
  readonly target: Target;
  readonly results: StepResults;
  readonly outcome: "succeeded" | "failed" | "cancelled";
  /**
   * What the steps have left: the new state; the old one, after undoing; what was there, when nothing that needs undoing
   * had begun; or something between, with `keep`, past a step that cannot be undone, or when undoing failed.
   */
  readonly left: "new" | "old" | "unchanged" | "between";
  /** Whether any step ran; an operation cancelled in the queue has left everything as it was. */
  readonly begun: boolean;
}

/** What the request fixed; kept with the operation. */
export interface OperationInput {
  readonly releaseNumber?: number;
  readonly force?: boolean;
  /** What was previewed: another spec or another plan is refused before anything is changed. */
  readonly plan?: PreviewedPlan;
  readonly archive?: ArchiveInput;
  /** Of a target that is wanted again: rollouts that passed it by until then (ISO 8601) are in what is asked for. */
  readonly caughtUpAt?: string;
  /** A drift repair only puts right what was seen: the digest of it. */
  readonly findings?: { readonly digest: string };
  /** A drift repair that nobody asked for deletes and replaces nothing. */
  readonly automatic?: true;
  /** What a retry asks for again: the request had written it on the target and the tenant. */
  readonly wanted?: WantedState;
  /** A retry of what was not undone: the operation whose steps' results still hold. */
  readonly continues?: string;
  /** With `continues`: the operation that made the first of what is still there. */
  readonly causeId?: string;
  /** Where the target stood when the operation was asked for; it goes back there when cancelled before it began. */
  readonly before?: StoodAt;
  /** With `continues`: where it stood before the first of them, which is where undoing leads back to. */
  readonly beforeAll?: StoodAt;
}

export type StoodAt = Pick<
  Target,
  | "deploymentState"
  | "requestedState"
  | "suspensionMode"
  | "targetReleaseNumber"
  | "lastOperationStatus"
  | "drift"
>;

/** Where the target stood before what undoing takes back. */
export function oldStateOf({ before, beforeAll }: OperationInput): StoodAt | undefined {
  return beforeAll ?? before;
}

export interface PreviewedPlan {
  /** The engine's, of the plan. */
  readonly digest: string;
  readonly specDigest: string;
}

export interface ArchiveInput {
  /** One that was verified before: to be restored, or to be gone on with. A new one gets the operation's id. */
  readonly archiveId?: string;
  readonly retainUntil: string;
}

export interface WantedState {
  /** What the target shows while the operation is under way. */
  readonly state: DeploymentState;
  readonly patch: TargetPatch;
  /** Where the tenant as a whole was to go. */
  readonly transition?: TransitionAction;
}

/** A step's failure with a stable code. Engine and cloud errors carry the same members and need no wrapping. */
export class StepError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
