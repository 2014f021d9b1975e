import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import { TenantSpec } from "../../stacks/tenant/spec.ts";
import { assertPlan } from "./changes.ts";
import {
  type Deployment,
  ignoredPaths,
  pendingOperations,
  realResources,
  recordedIdentifiers,
  recordedResources,
  stackOutputs,
} from "./deployment.ts";
import type {
  DestroyResult,
  DriftLook,
  DriftResult,
  Engine,
  PreviewResult,
  RunHooks,
  StackInspection,
  StackTarget,
  UpResult,
} from "./engine.ts";
import { cliEnvironment, withoutCliLog, withoutSidecars } from "./environment.ts";
import { EngineError } from "./errors.ts";
import { checkSpecIdentity, checkStateIdentity } from "./identity.ts";
import { createMemoryNotes, withNotes } from "./interrupted.ts";
import type { DestroyRun } from "./job.ts";
import { createPool } from "./pool.ts";
import { DEFAULT_STOP_LIMITS, type StopLimits } from "./processes.ts";
import { recoverStack } from "./recover.ts";
import { createRuns, type Runs } from "./runs.ts";
import { createStateStore, type StateStore } from "./stateStore.ts";

export interface EngineOptions {
  /** Run folders are made in `<dataDir>/runs`. */
  readonly dataDir: string;
  /**
   * What the CLI's environment needs: PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE, PULUMI_HOME and, for the local
   * cloud, PULUMI_DEBUG_PROVIDERS. Asked before each run, so that a provider that moved is found again.
   */
  environment(): Promise<Readonly<Record<string, string>>>;
  /** Runs at once. Each worker holds about 175 MB, each CLI another 105 MB. */
  readonly workers?: number;
  /** The Pulumi CLI. Default: `pulumi` on PATH. */
  readonly command?: string;
  /** Module that exports `tenantProgram`. Default: the tenant program. */
  readonly programModule?: string;
  readonly stop?: StopLimits;
  /** A run that takes longer is cancelled and fails with `timed_out`. */
  readonly runTimeoutMs?: number;
  readonly maxRunsPerWorker?: number;
  readonly maxWorkerBytes?: number;
  readonly maxQueuedRuns?: number;
}

const RUN_TIMEOUT_MS = 60 * 60_000;
const MAX_RUNS_PER_WORKER = 200;
const MAX_WORKER_BYTES = 700 * 1024 * 1024;
const MAX_QUEUED_RUNS = 1_000;
const MAX_WORKERS = 4;
/** The project in Pulumi.yaml at the root, whose stacks are the planes. */
const PLANE_PROJECT = "tenantry";

export function createEngine(options: EngineOptions): Engine {
  const environment = async () =>
    withoutCliLog(
      withoutSidecars(cliEnvironment(process.env, await provided(options))),
      join(options.dataDir, "engine-home"),
    );
  const command = options.command ?? "pulumi";
  const runsDir = join(options.dataDir, "runs");
  const pool = createPool({
    workers: options.workers ?? Math.min(MAX_WORKERS, availableParallelism()),
    programModule: options.programModule ?? new URL("../../stacks/tenant/program.ts", import.meta.url).href,
    maxRunsPerWorker: options.maxRunsPerWorker ?? MAX_RUNS_PER_WORKER,
    maxWorkerBytes: options.maxWorkerBytes ?? MAX_WORKER_BYTES,
    maxQueuedRuns: options.maxQueuedRuns ?? MAX_QUEUED_RUNS,
  });
  // Of this process alone: services that share a data folder must not clear away each other's.
  const scratchDir = join(runsDir, `.scratch-${process.pid}`);
  const store = createStateStore({ command, scratchDir, environment });
  const own = createMemoryNotes();
  const noted = (hooks?: RunHooks) => withNotes(store, hooks?.notes ?? own);
  const stop = options.stop ?? DEFAULT_STOP_LIMITS;
  const runTimeoutMs = options.runTimeoutMs ?? RUN_TIMEOUT_MS;
  const runs = createRuns({ pool, store, notes: own, runsDir, command, environment, stop, runTimeoutMs });

  return {
    preview: (spec, hooks) => preview(runs, store, "preview", spec, hooks),
    previewRepair: (spec, hooks) => preview(runs, store, "previewRepair", spec, hooks),
    up: (spec, hooks) => apply(runs, noted(hooks), "up", spec, hooks),
    repair: (spec, hooks) => apply(runs, noted(hooks), "repair", spec, hooks),
    drift: (target, hooks) => drift(runs, store, target, hooks),
    destroy: (target, hooks) => destroy(runs, noted(hooks), target, hooks),
    outputs: async (target) => stackOutputs(await existing(store, target)),
    planeOutputs: ({ stack, project }) =>
      planeOutputs(store, { projectName: project ?? PLANE_PROJECT, stackName: stack }),
    export: (target) => existing(store, target),
    async recordedIds(target) {
      const deployment = await store.read(checkTarget(target));
      return deployment === undefined ? new Set() : recordedIdentifiers(deployment);
    },
    async recordedResources(target) {
      const deployment = await store.read(checkTarget(target));
      return deployment === undefined ? [] : recordedResources(deployment);
    },
    inspect: async (target) => inspection(await noted().read(checkTarget(target))),
    async recover(target, options, hooks) {
      const notes = hooks?.notes ?? own;
      const parts = { runs, store: noted(hooks), notes };
      const { deployment, adopted } = await recoverStack(parts, checkTarget(target), options, hooks);
      await notes.forget(target);
      return { ...inspection(deployment), adopted };
    },
    settle: (target, runId, notes) => runs.settle(checkTarget(target), runId, notes),
    breakLock: (target, owner) => store.unlockAfter(checkTarget(target), owner),
    cancel: (runId) => runs.cancel(runId),
    async close() {
      await pool.close();
      await rm(scratchDir, { recursive: true, force: true });
    },
  };
}

/** What a run needs of its surroundings, such as a provider that was just killed, may be there again at the next try. */
async function provided({ environment }: EngineOptions): Promise<Readonly<Record<string, string>>> {
  try {
    return await environment();
  } catch (cause) {
    const [why] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new EngineError("provider_unavailable", `Cannot run: the provider must be up, and is not. ${why}`, {
      cause,
    });
  }
}

async function preview(
  runs: Runs,
  store: StateStore,
  kind: "preview" | "previewRepair",
  input: TenantSpec,
  hooks?: RunHooks,
): Promise<PreviewResult> {
  const { spec, target } = checkSpec(input);
  const deployment = await store.read(target);
  if (deployment !== undefined) checkStateIdentity(deployment, target, spec.tenant.tenantId);
  const job = { kind, spec, target, createStack: deployment === undefined };
  return (await runs.run(job, hooks)) as PreviewResult;
}

/**
 * Up and repair. The state is looked at first: whose it is (P5), and whether the last run ended cleanly. After an
 * unclean end the engine itself would only warn and create again what may be there already.
 */
async function apply(
  runs: Runs,
  store: StateStore,
  kind: "up" | "repair",
  input: TenantSpec,
  hooks?: RunHooks,
): Promise<UpResult> {
  const { spec, target } = checkSpec(input);
  const deployment = await store.read(target);
  if (deployment !== undefined) {
    checkStateIdentity(deployment, target, spec.tenant.tenantId);
    await assertClean(store, deployment, target);
  }
  const expected = hooks?.expectedPlan?.digest;
  if (expected !== undefined && kind === "repair") {
    // In one process the state would be read anew from the cloud, and written, before the plan could be refused.
    const { onEvent: _planned, ...quiet } = hooks ?? {};
    const plan = await runs.run(
      { kind: "previewRepair", spec, target, createStack: deployment === undefined },
      quiet,
    );
    assertPlan(target, expected, plan as PreviewResult);
  }
  const createStack = deployment === undefined && !(await store.create(target));
  const plan = expected !== undefined && kind === "up" ? { expectedPlan: expected } : {};
  return (await runs.run({ kind, spec, target, createStack, ...plan }, hooks)) as UpResult;
}

async function drift(
  runs: Runs,
  store: StateStore,
  target: StackTarget,
  hooks?: RunHooks,
): Promise<DriftResult> {
  const deployment = await existing(store, target);
  const job = { kind: "drift", target, ignored: ignoredPaths(deployment) } as const;
  const look = (await runs.run(job, hooks)) as DriftLook;
  return { ...look, outputs: stackOutputs(deployment), recordedIds: recordedIdentifiers(deployment) };
}

async function destroy(
  runs: Runs,
  store: StateStore,
  { tenantId, ...target }: StackTarget & { readonly tenantId: string },
  hooks?: RunHooks,
): Promise<DestroyResult> {
  const deployment = await store.read(checkTarget(target));
  if (deployment === undefined) {
    const lock = await lockOn(store, target);
    return { deleted: 0, resources: [], summary: {}, existed: false, ...(lock && { lock }) };
  }
  checkStateIdentity(deployment, target, tenantId);
  await assertClean(store, deployment, target);
  const run = (await runs.run({ kind: "destroy", target }, hooks)) as DestroyRun;
  return { ...run, resources: recordedResources(deployment) };
}

async function planeOutputs(store: StateStore, target: StackTarget): Promise<Record<string, unknown>> {
  const deployment = await store.read(checkTarget(target));
  if (deployment !== undefined && realResources(deployment).length > 0) return stackOutputs(deployment);
  throw new EngineError(
    "plane_not_found",
    `Cannot read plane "${target.stackName}": the state backend has no stack ${target.projectName}/` +
      `${target.stackName} with resources in it. Run \`pulumi up --stack ${target.stackName}\` first.`,
  );
}

function inspection(deployment: Deployment | undefined): StackInspection {
  if (deployment === undefined) return { exists: false, resources: 0, pendingOperations: [] };
  return {
    exists: true,
    resources: realResources(deployment).length,
    pendingOperations: pendingOperations(deployment),
  };
}

async function existing(store: StateStore, target: StackTarget): Promise<Deployment> {
  const deployment = await store.read(checkTarget(target));
  if (deployment !== undefined) return deployment;
  throw new EngineError(
    "stack_not_found",
    `Cannot read stack ${target.projectName}/${target.stackName}: it does not exist.`,
  );
}

async function assertClean(store: StateStore, deployment: Deployment, target: StackTarget): Promise<void> {
  const pending = pendingOperations(deployment);
  if (pending.length === 0) return;
  // A run under way has pending operations in its state too; it is its lock that tells.
  const lock = await lockOn(store, target);
  if (lock !== undefined) {
    const stack = `${target.projectName}/${target.stackName}`;
    const message = `Cannot change stack ${stack}: it is locked by ${lock.owner}. Wait until that run ends.`;
    throw new EngineError("stack_locked", message, { lock });
  }
  const listed = pending.map(
    ({ kind, resourceType, logicalName }) => `${kind} ${resourceType} "${logicalName}"`,
  );
  throw uncleanState(target, `an earlier run was interrupted while ${listed.join(", ")}`);
}

async function lockOn(
  store: StateStore,
  target: StackTarget,
): Promise<NonNullable<DestroyResult["lock"]> | undefined> {
  const [lock] = (await store.locks(target)) ?? [];
  if (lock === undefined) return undefined;
  return { owner: `${lock.username}@${lock.hostname} (pid ${lock.pid})`, since: lock.timestamp };
}

function uncleanState(target: StackTarget, why: string): EngineError {
  return new EngineError(
    "unclean_state",
    `Cannot change stack ${target.projectName}/${target.stackName}: ${why}. Recover the stack first; nothing was changed.`,
  );
}

function checkSpec(input: TenantSpec): { spec: TenantSpec; target: StackTarget } {
  const parsed = TenantSpec.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues
      .map((issue) => `${issue.path.join(".")}: ${issue.message}`)
      .join("; ");
    throw new EngineError("invalid_spec", `Cannot run: the spec is not valid (${problems}).`, {
      cause: parsed.error,
    });
  }
  const { data: spec } = parsed;
  const target = {
    projectName: projectName(spec.tenant.tenantId),
    stackName: stackName(spec.plane.name, spec.generation),
  };
  checkSpecIdentity(spec, target);
  return { spec, target: checkTarget(target) };
}

/** Names become paths and arguments. */
function checkTarget(target: StackTarget): StackTarget {
  for (const name of [target.projectName, target.stackName]) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) {
      throw new EngineError(
        "invalid_spec",
        `Cannot name a stack "${name}": project and stack names must be letters, digits, ".", "_" or "-", at most 100.`,
      );
    }
  }
  return target;
}
