/**
 * The engine: the only door to Pulumi.
 *
 * What it is: tenant stacks are previewed, created, changed, scanned for drift, repaired and destroyed here, each
 * run a real Pulumi CLI driven by the Automation API from a warm worker process that runs one program at a time.
 *
 * What it promises: a run names exactly one stack and never touches another (P5); nothing a run emits (events,
 * errors, outputs, files in the run folder) holds a secret's value; every failure is an `EngineError` with a stable
 * code, plain words and a word on whether trying again can help; a run that is told to stop does stop, by force in
 * the end; a program that misbehaves fails its own run only.
 *
 * What it refuses: to run an `up` over a state that an earlier run left half written (`unclean_state`), to destroy a
 * stack whose state names another tenant (`identity_mismatch`), and to guess. It does not decide whether a run is
 * needed (the service compares digests), and it does not queue per stack: at most one operation per stack is the
 * caller's promise, the state backend's lock only the last line of defence.
 */
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import type { InterruptedNotes } from "./interrupted.ts";

/** One Pulumi stack. Tenants: project `tenant-<tenantId>`, stack `<plane>-<generation>`. */
export interface StackTarget {
  readonly projectName: string;
  readonly stackName: string;
}

export interface RunHooks {
  /** Names the run and its folder; letters, digits, `-` and `_`, at most 100. Made up when absent. */
  readonly runId?: string;
  /** Called in order, never after the run's promise has settled. An exception thrown here is ignored. */
  onEvent?(event: EngineEvent): void;
  /** Abort cancels the run: SIGINT, wait, SIGINT, wait, SIGKILL. The run then rejects with code `cancelled`. */
  readonly signal?: AbortSignal;
  /**
   * Until when the caller may rely on being the only one at the stack, by monotonic.ts's clock. Past it the worker stops
   * the CLI by itself, also when the caller's process is frozen; the run rejects with code `lease_lost`.
   */
  readonly lease?: { deadline(): number };
  /** Keeps what the run leaves unanswered, and tells of what earlier ones left. Default: the engine's own memory. */
  readonly notes?: InterruptedNotes;
  /**
   * For `up` and `repair`: the digest of the plan that may be carried out. When another is planned by now, the call
   * rejects with code `plan_changed` and nothing is changed.
   */
  readonly expectedPlan?: { readonly digest: string };
}

/** Pulumi's operation names, as they come; the ones that matter are listed, others pass through as they are. */
export type ResourceOp =
  | "same"
  | "create"
  | "update"
  | "delete"
  | "replace"
  | "read"
  | "refresh"
  | (string & {});

export type OpSummary = Readonly<Record<string, number>>;

export type EngineEvent =
  | {
      readonly type: "resource";
      readonly op: ResourceOp;
      readonly urn: string;
      readonly resourceType: string;
      readonly logicalName: string;
      readonly status: "started" | "done" | "failed";
      readonly at: string;
    }
  | {
      readonly type: "diagnostic";
      readonly severity: "info" | "warning" | "error";
      readonly message: string;
      readonly urn?: string;
      readonly at: string;
    }
  | {
      readonly type: "summary";
      readonly summary: OpSummary;
      readonly durationMs: number;
      readonly at: string;
    };

export interface PlannedChange {
  readonly urn: string;
  readonly op: ResourceOp;
  readonly resourceType: string;
  readonly logicalName: string;
  /** Property paths that change, in Pulumi's notation, e.g. `tags.plan` or `ingress[0].cidr`. */
  readonly properties: readonly string[];
  /** Those of `properties` that force a replacement. */
  readonly replaceProperties: readonly string[];
  /**
   * What changes to what, secrets masked; of what is created its inputs. Paths lead into JSON in strings, and by name into lists of
   * named things. Only a preview tells them; a plan that is compared is told without.
   */
  readonly values?: readonly PlannedValue[];
}

export interface PlannedValue {
  readonly path: string;
  /** Absent when there was none; "[secret]" when secret. */
  readonly old?: unknown;
  /** Absent when there will be none; "[computed]" when only the run will tell. */
  readonly new?: unknown;
}

export interface PreviewResult {
  /** Everything that would not stay the same, in the engine's order. */
  readonly changes: readonly PlannedChange[];
  readonly summary: OpSummary;
  /** SHA-256 (hex) over the changes: two previews with equal digests plan the same. */
  readonly digest: string;
  /** Resources that would be replaced; revisions (task definitions), which a replacement only follows by another, not counted. */
  readonly replaces: number;
  /** Resources that would be deleted for good. */
  readonly deletes: number;
}

export interface UpResult {
  /** What the program returned; secret values are "[secret]". */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly summary: OpSummary;
  /** Whether anything was created, changed, replaced or deleted. */
  readonly changed: boolean;
  /** Resources in the stack after the run, the stack itself and provider objects not counted. */
  readonly resources: number;
}

export interface DriftProperty {
  /** Path below the resource's state, e.g. `tags.owner`; "" when the whole resource is meant. */
  readonly path: string;
  /** Value in Pulumi's state; absent when the state has none; "[secret]" when secret. */
  readonly recorded?: unknown;
  /** Value in the cloud; absent when the cloud has none; "[secret]" when secret. */
  readonly actual?: unknown;
}

export interface DriftFinding {
  readonly urn: string;
  readonly resourceType: string;
  readonly logicalName: string;
  readonly physicalId: string;
  readonly kind: "changed" | "deleted";
  /** At least one when `kind` is "changed", none when "deleted". */
  readonly properties: readonly DriftProperty[];
}

export interface DriftResult extends DriftLook {
  /** What the state had before the comparison: its outputs, secrets masked, and everything's physical ids and ARNs. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly recordedIds: ReadonlySet<string>;
}

export interface DriftLook {
  readonly findings: readonly DriftFinding[];
  /** What differs only where the program says `ignoreChanges`: no run would put it right. Always of kind "changed". */
  readonly hidden: readonly DriftFinding[];
  /** Resources compared with the cloud. */
  readonly checked: number;
}

export interface RecordedResource {
  readonly resourceType: string;
  /** Its ARN when it has one, else its id. */
  readonly name: string;
}

export interface DestroyResult {
  /** Resources deleted by this run. */
  readonly deleted: number;
  /** What the state held when the run began. */
  readonly resources: readonly RecordedResource[];
  readonly summary: OpSummary;
  /** False when there was no such stack (which is success: destroying twice is the same as once). */
  readonly existed: boolean;
  /** Of a stack that is gone: the lock of a CLI that ended between removing it and giving it free. Nobody else comes across it. */
  readonly lock?: { readonly owner: string; readonly since: string };
}

/** What a stack's state says before anything is done to it. */
export interface StackInspection {
  readonly exists: boolean;
  readonly resources: number;
  /** Operations an earlier run began and never finished; not empty means `up` answers `unclean_state`. */
  readonly pendingOperations: readonly PendingOperation[];
}

export interface Recovered extends StackInspection {
  /** URNs of what was taken into the state. */
  readonly adopted: readonly string[];
}

export interface PendingOperation {
  readonly urn: string;
  readonly resourceType: string;
  readonly logicalName: string;
  readonly kind: "creating" | "updating" | "deleting" | "reading" | "importing" | (string & {});
}

export type EngineErrorCode =
  | "cancelled"
  | "lease_lost"
  | "timed_out"
  | "stack_locked"
  | "stack_not_found"
  | "plane_not_found"
  | "identity_mismatch"
  | "unclean_state"
  | "plan_changed"
  | "invalid_spec"
  | "program_failed"
  | "provider_failed"
  | "provider_throttled"
  | "provider_denied"
  | "provider_unavailable"
  | "state_unavailable"
  | "passphrase_wrong"
  | "cli_missing"
  | "worker_crashed"
  | "engine_busy"
  | "engine_closed"
  | "engine_failed";

export interface RecoverOptions {
  readonly tenantId: string;
  /** Where the stack's objects are: part of some of their ids. */
  readonly place: { readonly region: string; readonly accountId: string };
  /** ARNs of the objects that are there with all of these tags. Asked for creations whose id the cloud has drawn. */
  find(tags: Readonly<Record<string, string>>): Promise<readonly string[]>;
  /**
   * Lists what the cloud holds of this stack but its state does not. Asked only for creations that neither their
   * inputs nor a tag can tell of. `recorded` has the physical ids and ARNs in the state.
   */
  findOrphans(recorded: ReadonlySet<string>): Promise<readonly string[]>;
}

/** The resource a failure is about. */
export interface FailedResource {
  readonly urn: string;
  readonly resourceType: string;
  readonly logicalName: string;
}

export interface Engine {
  /** What `up` would do. Takes no lock and changes nothing. A stack that does not exist yet previews as all creates. */
  preview(spec: TenantSpec, hooks?: RunHooks): Promise<PreviewResult>;
  /** Creates the stack when absent and makes it as the spec says. */
  up(spec: TenantSpec, hooks?: RunHooks): Promise<UpResult>;
  /** Compares the state with the cloud, per property. Runs no program, takes no lock, changes nothing. */
  drift(target: StackTarget, hooks?: RunHooks): Promise<DriftResult>;
  /** `up` that first reads the cloud, so that what was changed or deleted out of band is put right. */
  repair(spec: TenantSpec, hooks?: RunHooks): Promise<UpResult>;
  /** What `repair` would do. Takes no lock and changes nothing. */
  previewRepair(spec: TenantSpec, hooks?: RunHooks): Promise<PreviewResult>;
  /** Deletes everything in the stack and then the stack, after its state has been seen to be this tenant's. */
  destroy(target: StackTarget & { readonly tenantId: string }, hooks?: RunHooks): Promise<DestroyResult>;
  /** The stack's outputs, secrets masked. `stack_not_found` when there is no such stack. */
  outputs(target: StackTarget): Promise<Record<string, unknown>>;
  /** Raw outputs of a plane's stack, for parsePlaneOutputs. `plane_not_found` when there is no such stack. */
  planeOutputs(plane: {
    readonly stack: string;
    readonly project?: string;
  }): Promise<Record<string, unknown>>;
  /** The deployment as `pulumi stack export` gives it: secrets stay encrypted. `stack_not_found` when absent. */
  export(target: StackTarget): Promise<unknown>;
  /** Physical ids and ARNs of everything in the stack's state; none when there is no such stack. */
  recordedIds(target: StackTarget): Promise<ReadonlySet<string>>;
  /** What there is in the cloud by the stack's state; nothing when there is no such stack. */
  recordedResources(target: StackTarget): Promise<readonly RecordedResource[]>;
  /** Whether the stack exists and whether an earlier run left operations pending, as its state says and this engine knows. */
  inspect(target: StackTarget): Promise<StackInspection>;
  /**
   * Settles what an unclean end left pending, so that `up` and `destroy` are allowed again. Records of interrupted updates and
   * deletions are dropped, because the resource itself is still recorded. The object of an interrupted creation is
   * taken into the state when it is there, and its record dropped when it is not; what was in the way of a creation only
   * when its tags say that it was made for that resource. What cannot be told ends as `unclean_state`, which says what a person must do.
   */
  recover(target: StackTarget, options: RecoverOptions, hooks?: RunHooks): Promise<Recovered>;
  /**
   * For a run whose service died: makes sure that its CLI has ended (stops it when it has not) and removes the lock
   * if that CLI left one, and hands in what it left unanswered. Refuses with `stack_locked` when the run was another
   * host's. No such run: nothing to do.
   */
  settle(target: StackTarget, runId: string, notes?: InterruptedNotes): Promise<void>;
  /** Removes the lock that an owner left behind. Only when the owner is proven dead: it does not stop a writer that still runs. */
  breakLock(target: StackTarget, owner: { readonly host: string; readonly pid: number }): Promise<void>;
  /** Cancels a running run by its id; false when no such run is under way. Resolves when it has ended. */
  cancel(runId: string): Promise<boolean>;
  /** Cancels what runs, ends the workers. Further calls reject with `engine_closed`. */
  close(): Promise<void>;
}
