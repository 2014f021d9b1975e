import type { Operation } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import type { OperationKind } from "../../contract/vocabulary.ts";
import type { Change } from "../../registry/registry.ts";
import type { ServiceContext } from "../app/context.ts";
import type { RunHooks } from "../engine/engine.ts";

/**
 * What an operation's file defines: the steps in their order, and what the registry says when they have ended. A step
 * has no undo: each can be repeated (the engine goes on from the stack's state, names are deterministic), so an
 * operation that fails leaves what it made in place, visible as a failed target, and the next one goes on from there.
 */
export interface Saga {
  readonly kind: OperationKind;
  readonly steps: readonly Step[];
  /** Writes the observed state, in the transaction that ends the operation. */
  end(change: Change, run: EndedRun): Promise<void>;
}

export interface Step {
  readonly name: string;
  /** Members of the result that later steps need but the journal does not keep; a resumed run repeats the step. */
  readonly inMemory?: readonly string[];
  /** What it returns is kept in the journal; later steps and a resumed run find it under the step's name. */
  run(run: StepRun): Promise<Record<string, unknown>>;
}

export type StepResults = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface StepRun {
  readonly service: ServiceContext;
  readonly operation: Operation;
  readonly input: OperationInput;
  readonly target: Target;
  readonly results: StepResults;
  /** The engine run of this step that a dead service left behind, if there was one. */
  readonly cutOffRunId: string | undefined;
  /** Name, events into the journal, and cancelling, for an engine run. */
  readonly hooks: RunHooks & { readonly runId: string; readonly signal: AbortSignal };
  say(message: string, data?: Record<string, unknown>): Promise<void>;
}

export interface EndedRun {
  readonly operation: Operation;
  readonly input: OperationInput;
  readonly target: Target;
  readonly results: StepResults;
  readonly outcome: "succeeded" | "failed" | "cancelled";
  /** Whether any step ran; an operation cancelled in the queue has left everything as it was. */
  readonly begun: boolean;
}

/** What the request fixed; kept with the operation. */
export interface OperationInput {
  readonly releaseNumber?: number;
  readonly force?: boolean;
  /** Where the target stood when the operation was asked for; it goes back there when cancelled before it began. */
  readonly before?: Pick<
    Target,
    "deploymentState" | "requestedState" | "targetReleaseNumber" | "lastOperationStatus" | "drift"
  >;
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
