/** What the service and its worker processes say to each other. All plain JSON. */
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import type { IgnoredPaths } from "./drift.ts";
import type {
  DestroyResult,
  DriftLook,
  EngineEvent,
  OpSummary,
  PreviewResult,
  StackTarget,
  UpResult,
} from "./engine.ts";
import type { SerializedEngineError } from "./errors.ts";
import type { ProcessIdentity, StopLimits } from "./processes.ts";

interface JobBase {
  readonly runId: string;
  readonly target: StackTarget;
  /** Exists, holds Pulumi.yaml; the CLI's output files go there. */
  readonly runDir: string;
  /** The whole environment of the CLI. */
  readonly env: Readonly<Record<string, string>>;
  /** The CLI's executable. */
  readonly command: string;
  readonly stop: StopLimits;
}

export interface ProgramJob extends JobBase {
  readonly kind: "preview" | "previewRepair" | "up" | "repair";
  readonly spec: TenantSpec;
  /** The stack is not there yet: `stack init` comes first. */
  readonly createStack: boolean;
  /** Of an `up` that plans first and goes on only when this is the plan. */
  readonly expectedPlan?: string;
}

export interface DestroyJob extends JobBase {
  readonly kind: "destroy";
}

export interface DriftJob extends JobBase {
  readonly kind: "drift";
  readonly ignored: IgnoredPaths;
}

/** Reads some of the stack's resources from the cloud into its state. */
export interface RefreshJob extends JobBase {
  readonly kind: "refresh";
  readonly urns: readonly string[];
}

export type Job = ProgramJob | DriftJob | DestroyJob | RefreshJob;

/** What was there is known before the run. */
export type DestroyRun = Omit<DestroyResult, "resources">;
export type JobResult = PreviewResult | UpResult | DriftLook | DestroyRun | RefreshResult;

export interface RefreshResult {
  readonly summary: OpSummary;
}

export type ToWorker =
  | { readonly type: "run"; readonly job: Job; readonly leaseDeadlineMs?: number }
  /** By monotonic.ts's clock: past it the worker ends its CLI without being told. */
  | { readonly type: "lease"; readonly deadlineMs: number }
  | { readonly type: "cancel" };

export type FromWorker =
  | { readonly type: "ready" }
  /** A CLI process began; should the worker die, the pool knows whom to stop. */
  | { readonly type: "cli"; readonly process: ProcessIdentity }
  | { readonly type: "event"; readonly event: EngineEvent }
  | WorkerEnd;

/** The last word on a job. */
export interface WorkerEnd {
  readonly type: "end";
  readonly result?: JobResult;
  readonly error?: SerializedEngineError;
  /** The CLI had to be killed: it left its lock behind, and perhaps pending operations. */
  readonly killed: boolean;
  /** Resident set, for the pool to decide whether this worker has grown too big. */
  readonly rssBytes: number;
}
