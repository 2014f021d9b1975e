import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { forgetCli, type RecordedCli, recordedCli } from "./cliFile.ts";
import type { EngineEvent, RunHooks, StackTarget } from "./engine.ts";
import { EngineError } from "./errors.ts";
import { handInNotes, type InterruptedNotes } from "./interrupted.ts";
import type { DestroyJob, DriftJob, Job, JobResult, ProgramJob, RefreshJob, WorkerEnd } from "./job.ts";
import type { Pool, PoolRun } from "./pool.ts";
import {
  isAlive,
  isGoneWithin,
  killProcess,
  type ProcessIdentity,
  type StopLimits,
  stopProcess,
} from "./processes.ts";
import { stateLocks } from "./stateLocks.ts";
import type { StateStore } from "./stateStore.ts";

export interface RunsOptions {
  readonly pool: Pool;
  readonly store: StateStore;
  /** For runs that come without some of their own. */
  readonly notes: InterruptedNotes;
  readonly runsDir: string;
  readonly command: string;
  readonly stop: StopLimits;
  readonly runTimeoutMs: number;
  environment(): Promise<Readonly<Record<string, string>>>;
}

/** What a run is, without what all runs have. */
export type JobRequest =
  | Pick<ProgramJob, "kind" | "spec" | "target" | "createStack" | "expectedPlan">
  | Pick<DriftJob, "kind" | "target" | "ignored">
  | Pick<DestroyJob, "kind" | "target">
  | Pick<RefreshJob, "kind" | "target" | "urns">;

/** Runs from their folder to their end: run ids, cancelling, time limits, and tidying up after force was used. */
export interface Runs {
  run(request: JobRequest, hooks?: RunHooks): Promise<JobResult>;
  cancel(runId: string): Promise<boolean>;
  settle(target: StackTarget, runId: string, notes?: InterruptedNotes): Promise<void>;
}

/** A worker whose service is gone has this long for its notes when its CLI has ended. */
const WORKER_END_MS = 5_000;

interface Active {
  readonly run: PoolRun;
  timedOut: boolean;
  cli?: ProcessIdentity;
}

export function createRuns(options: RunsOptions): Runs {
  const active = new Map<string, Active>();

  return {
    async run(request, hooks = {}) {
      if (hooks.signal?.aborted)
        throw new EngineError("cancelled", "Cannot run: it was cancelled before it began.");
      const runId = checkRunId(hooks.runId ?? randomUUID());
      if (active.has(runId))
        throw new EngineError("engine_failed", `Cannot run: run ${runId} is under way already.`);
      const job = await prepare(options, request, runId);
      const entry: Active = {
        timedOut: false,
        run: options.pool.start(
          job,
          {
            onCli: (cli) => {
              entry.cli = cli;
            },
            onEvent: (event) => tell(hooks, event),
          },
          hooks.lease,
        ),
      };
      active.set(runId, entry);
      try {
        return await finished(options, job, entry, hooks);
      } finally {
        active.delete(runId);
      }
    },
    async cancel(runId) {
      const entry = active.get(runId);
      if (entry === undefined) return false;
      entry.run.cancel();
      await entry.run.done;
      return true;
    },
    settle: (target, runId, notes = options.notes) => settle(options, target, checkRunId(runId), notes),
  };
}

async function finished(
  options: RunsOptions,
  job: Job,
  entry: Active,
  { signal, notes = options.notes }: RunHooks,
): Promise<JobResult> {
  const { run } = entry;
  signal?.addEventListener("abort", run.cancel, { once: true });
  if (signal?.aborted) run.cancel();
  const timer = setTimeout(() => {
    entry.timedOut = true;
    run.cancel();
  }, options.runTimeoutMs);
  let end: WorkerEnd;
  try {
    end = await run.done;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", run.cancel);
  }
  await handInNotes(job.runDir, job.target, notes);
  if (end.killed && entry.cli !== undefined) await options.store.unlockAfter(job.target, entry.cli);
  await forgetCli(job.runDir);
  if (end.error === undefined && end.result !== undefined) return end.result;
  const error = EngineError.fromJSON(
    end.error ?? { code: "engine_failed", message: "The run ended without a result." },
  );
  if (!entry.timedOut || error.code !== "cancelled") throw error;
  throw new EngineError(
    "timed_out",
    `Cannot finish ${job.kind} of stack ${job.target.projectName}/${job.target.stackName}: it took longer than ` +
      `${options.runTimeoutMs} ms and was stopped.`,
    { cause: error },
  );
}

async function prepare(options: RunsOptions, request: JobRequest, runId: string): Promise<Job> {
  const runDir = join(options.runsDir, runId);
  await mkdir(runDir, { recursive: true, mode: 0o700 });
  let env = await options.environment();
  if ((request.kind === "preview" || request.kind === "previewRepair") && request.createStack) {
    // A preview changes nothing, not even the list of stacks: a new stack is previewed in a state of its own.
    const scratch = join(runDir, "preview-state");
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { mode: 0o700 });
    env = { ...env, PULUMI_BACKEND_URL: pathToFileURL(scratch).href };
  }
  await stateLocks(env.PULUMI_BACKEND_URL ?? "")?.removeTorn(request.target);
  return { ...request, runId, runDir, env, command: options.command, stop: options.stop };
}

async function settle(
  options: RunsOptions,
  target: StackTarget,
  runId: string,
  notes: InterruptedNotes,
): Promise<void> {
  const runDir = join(options.runsDir, runId);
  const cli = recordedCli(runDir);
  if (cli !== undefined) await endCli(cli, runId, options.stop);
  // Also where no CLI is recorded any more: a service may die between the end of its run and this.
  await handInNotes(runDir, target, notes);
  if (cli === undefined) return;
  await options.store.unlockAfter(target, cli);
  await forgetCli(runDir);
}

async function endCli(cli: RecordedCli, runId: string, stop: StopLimits): Promise<void> {
  const { worker } = cli;
  const isServed = worker !== undefined && isAlive(worker);
  if (isAlive(cli)) {
    try {
      await (isServed ? stopProcess(cli, stop) : killProcess(cli));
    } catch (cause) {
      throw new EngineError(
        "stack_locked",
        `Cannot settle run ${runId}: its engine process ${cli.pid} on ${cli.host} may still run. Stop it there first.`,
        { cause },
      );
    }
  }
  // It ends with its run, after it has noted what was never answered.
  if (isServed) await isGoneWithin(worker, WORKER_END_MS);
}

/** A listener's exception is its own affair: it must not end a run that changes a cloud. */
function tell(hooks: RunHooks, event: EngineEvent): void {
  try {
    hooks.onEvent?.(event);
  } catch {}
}

function checkRunId(runId: string): string {
  if (/^[A-Za-z0-9_-]{1,100}$/.test(runId)) return runId;
  throw new EngineError(
    "engine_failed",
    `Cannot run: a run id must be letters, digits, "-" or "_", at most 100, got "${runId.slice(0, 100)}".`,
  );
}
