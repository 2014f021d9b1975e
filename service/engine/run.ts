import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LocalWorkspace, type PulumiFn, Stack } from "@pulumi/pulumi/automation/index.js";
import { isDryRun } from "@pulumi/pulumi/runtime/index.js";
import type { StackIdentity } from "../../stacks/tenant/names.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import { assertPlan, comparedPlan, previewResult } from "./changes.ts";
import { CliFailure } from "./cli.ts";
import { recordCli } from "./cliFile.ts";
import { createRunCommand } from "./command.ts";
import { maskSecrets, STACK_TYPE } from "./deployment.ts";
import { driftResult } from "./drift.ts";
import type { EngineEvent } from "./engine.ts";
import { classifyFailure, EngineError, resourceOf } from "./errors.ts";
import { createRunLog, isChanged, type RunLog, recordEvent } from "./events.ts";
import { interruptedOf, leaveNotes } from "./interrupted.ts";
import type { Job, JobResult, ProgramJob, WorkerEnd } from "./job.ts";
import { identifyProcess, type ProcessIdentity, stopProcess } from "./processes.ts";
import { createRedactor, type Redactor } from "./redact.ts";

export type ProgramFactory = (spec: TenantSpec, identity: StackIdentity) => PulumiFn;

export interface RunListener {
  onCli(process: ProcessIdentity): void;
  onEvent(event: EngineEvent): void;
}

export type CancelReason = "cancelled" | "lease_lost";

/** One job under way. */
export interface Run {
  /** Never rejects. */
  readonly done: Promise<Omit<WorkerEnd, "type" | "rssBytes">>;
  /** Escalates until the CLI is gone; `done` then settles with the reason as its code. */
  cancel(reason: CancelReason): void;
}

/** Everything one run carries through its functions. */
interface Context {
  readonly job: Job;
  /** Of what is done or, as long as nothing is, of what is planned. */
  log: RunLog;
  /** Set as soon as what is planned is being done. */
  planned?: RunLog;
  preludes: number;
  readonly redact: Redactor;
  readonly listener: RunListener;
  cli?: ProcessIdentity;
  cancelled: CancelReason | undefined;
  killed: boolean;
  programError?: unknown;
}

export function createRun(job: Job, factory: ProgramFactory, listener: RunListener): Run {
  const context: Context = {
    job,
    log: createRunLog(),
    preludes: 0,
    redact: createRedactor(job.env),
    listener,
    cancelled: undefined,
    killed: false,
  };
  return { done: settle(context, factory), cancel: (reason) => cancel(context, reason) };
}

function cancel(context: Context, reason: CancelReason): void {
  if (context.cancelled !== undefined) return;
  context.cancelled = reason;
  if (context.cli !== undefined) void stopCli(context, context.cli);
}

async function stopCli(context: Context, cli: ProcessIdentity): Promise<void> {
  const { killed } = await stopProcess(cli, context.job.stop);
  if (killed) context.killed = true;
}

async function settle(
  context: Context,
  factory: ProgramFactory,
): Promise<Omit<WorkerEnd, "type" | "rssBytes">> {
  try {
    const result = await runJob(context, factory);
    return { result, killed: context.killed };
  } catch (error) {
    return { error: toEngineError(context, error).toJSON(), killed: context.killed || endedBySignal(error) };
  } finally {
    if (!isPlanning(context)) await leaveNotes(context.job.runDir, interruptedOf(context.log));
    await redactOutputFiles(context);
  }
}

/** Between two phases of a run the CLI does not listen for signals: one ends it with its lock left behind. */
function endedBySignal(error: unknown): boolean {
  return error instanceof CliFailure && error.result.signal !== null;
}

/** Whether all that was heard so far is about what would be done. */
function isPlanning({ job, planned }: Context): boolean {
  if (job.kind === "preview" || job.kind === "previewRepair") return true;
  return "expectedPlan" in job && job.expectedPlan !== undefined && planned === undefined;
}

async function runJob(context: Context, factory: ProgramFactory): Promise<JobResult> {
  const { job, log } = context;
  const stack = await openStack(context);
  const options = {
    color: "never" as const,
    onEvent: (event: Parameters<typeof recordEvent>[1]) => hear(context, event),
  };
  switch (job.kind) {
    case "preview":
    case "previewRepair":
      await stack.preview({
        ...options,
        program: inlineProgram(context, job, factory),
        ...(job.kind === "previewRepair" && { refresh: true }),
      });
      return previewResult(log.steps, log.summary, context.redact);
    case "up":
    case "repair": {
      await stack.up({
        ...options,
        program: inlineProgram(context, job, factory),
        ...(job.kind === "repair" && { refresh: true }),
      });
      // Not the log that it began with, which may be that of the plan: what is only planned has outputs that nobody knows yet.
      return upResult(context.log);
    }
    case "drift":
      await stack.previewRefresh(options);
      return driftResult(log.steps, job.ignored);
    case "refresh":
      await stack.refresh({ ...options, target: [...job.urns] });
      return { summary: log.summary };
    case "destroy":
      await stack.destroy(options);
      return { deleted: log.summary.delete ?? 0, summary: log.summary, existed: true };
  }
}

/** With what a new stack's secrets are encrypted, when not with the passphrase; later runs are told by the state. */
const SECRETS_PROVIDER = "TENANTRY_SECRETS_PROVIDER";

async function openStack(context: Context): Promise<Stack> {
  const { job } = context;
  const { [SECRETS_PROVIDER]: secretsProvider } = job.env;
  const workspace = await LocalWorkspace.create({
    workDir: job.runDir,
    projectSettings: { name: job.target.projectName, runtime: "nodejs" },
    // Never run by a drift scan or a destroy, but without one the CLI would start a language host for nothing.
    program: async () => {},
    ...(secretsProvider === undefined ? {} : { secretsProvider }),
    pulumiCommand: createRunCommand({
      command: job.command,
      env: job.env,
      // A stack goes in the same process as its resources instead of in one more; a new one is named, not selected.
      extraArgs: { destroy: ["--remove"], "stack init": ["--no-select"] },
      ...("expectedPlan" in job && job.expectedPlan !== undefined && { droppedArgs: ["--skip-preview"] }),
      beforeSpawn: () => {
        if (context.cancelled) throw new Error("cancelled before it began");
      },
      onSpawn: (cli) => onSpawn(context, cli),
    }),
  });
  const create = "createStack" in job && job.createStack;
  return create
    ? Stack.create(job.target.stackName, workspace)
    : Stack.select(job.target.stackName, workspace);
}

function onSpawn(context: Context, cli: ProcessIdentity): void {
  context.cli = cli;
  // Here and not in the service, which may be dead by now.
  recordCli(context.job.runDir, { ...cli, worker: identifyProcess(process.pid) });
  context.listener.onCli(cli);
  if (context.cancelled) void stopCli(context, cli);
}

/** The program, with what it throws kept: the CLI's own account of it has lost the error's name. */
function inlineProgram(context: Context, job: ProgramJob, factory: ProgramFactory): PulumiFn {
  const identity = { project: job.target.projectName, stack: job.target.stackName };
  return async () => {
    try {
      if (job.expectedPlan !== undefined && !isDryRun()) checkPlan(context, job.expectedPlan);
      return await factory(job.spec, identity)();
    } catch (error) {
      context.programError = error;
      throw error;
    }
  };
}

/**
 * An `up` that plans first runs its program twice in one CLI process, under one lock: to plan and to apply. When the
 * second run begins, all events of the plan are here (the CLI waits for its event stream to be acknowledged), and no
 * resource has been registered yet, so throwing changes nothing.
 */
function checkPlan(context: Context, expectedDigest: string): void {
  const { complete, steps, summary } = context.planned ?? context.log;
  if (!complete) throw new EngineError("engine_failed", "Cannot apply the plan: the engine did not tell it.");
  assertPlan(context.job.target, expectedDigest, comparedPlan(steps, summary));
}

function hear(context: Context, event: Parameters<typeof recordEvent>[1]): void {
  if (event.preludeEvent && ++context.preludes === 2) {
    context.planned = context.log;
    context.log = createRunLog();
  }
  const heard = recordEvent(context.log, event, context.redact);
  const isPrologue = "expectedPlan" in context.job && isPlanning(context);
  // What is only planned is no progress; what is wrong with it is worth hearing.
  if (heard === undefined || (isPrologue && !(heard.type === "diagnostic" && heard.severity === "error")))
    return;
  context.listener.onEvent(heard);
}

function upResult(log: RunLog): JobResult {
  const kept = new Set<string>();
  let outputs: Record<string, unknown> = {};
  for (const step of log.steps) {
    if (step.type === STACK_TYPE) outputs = step.new?.outputs ?? outputs;
    if (step.type.startsWith("pulumi:")) continue;
    if (step.op === "delete") kept.delete(step.urn);
    else if (step.new !== undefined) kept.add(step.urn);
  }
  return {
    outputs: maskSecrets(outputs) as Record<string, unknown>,
    summary: log.summary,
    changed: isChanged(log.summary),
    resources: kept.size,
  };
}

function toEngineError(context: Context, error: unknown): EngineError {
  const action = `${context.job.kind} stack ${context.job.target.projectName}/${context.job.target.stackName}`;
  if (context.cancelled) {
    const how = context.killed ? "by force: it did not end when told to" : "as asked";
    const why =
      context.cancelled === "lease_lost" ? "its lease ran out and it was stopped" : "it was cancelled";
    return new EngineError(context.cancelled, `Cannot finish ${action}: ${why}, ${how}.`, {
      cause: error,
    });
  }
  if (context.programError instanceof EngineError) return context.programError;
  return classifyFailure({
    action,
    error,
    diagnostics: context.log.diagnostics,
    failed: context.log.failed.map((step) => ({ ...resourceOf(step.urn), op: step.op })),
    programError: context.programError,
    redact: context.redact,
  });
}

/** The CLI writes its output files itself; what it could not know to be secret is taken out afterwards. */
async function redactOutputFiles(context: Context): Promise<void> {
  const names = await readdir(context.job.runDir).catch(() => []);
  for (const name of names.filter((candidate) => /\.(out|err)$/.test(candidate))) {
    const file = join(context.job.runDir, name);
    const text = await readFile(file, "utf8");
    const clean = context.redact(text);
    if (clean !== text) await writeFile(file, clean, { mode: 0o600 });
  }
}
