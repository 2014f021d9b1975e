/**
 * The pool of warm worker processes.
 *
 * Importing the Automation API and the provider's package costs 1 to 2 s and about 175 MB, so workers are kept; each
 * runs one job at a time. A worker is replaced when its run failed (whatever the program left behind in it must not
 * reach the next tenant), after a number of runs, or when it has grown; one that dies fails its run only, after its
 * CLI has been seen to end.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { EngineEvent } from "./engine.ts";
import { EngineError } from "./errors.ts";
import type { FromWorker, Job, ToWorker, WorkerEnd } from "./job.ts";
import { killProcess, type ProcessIdentity } from "./processes.ts";

export interface PoolOptions {
  readonly workers: number;
  /** Path or URL of the module that exports `tenantProgram`. */
  readonly programModule: string;
  readonly maxRunsPerWorker: number;
  readonly maxWorkerBytes: number;
  /** Runs that may wait for a worker. */
  readonly maxQueuedRuns: number;
}

export interface PoolRun {
  readonly done: Promise<WorkerEnd>;
  cancel(): void;
}

export interface PoolListener {
  onCli(process: ProcessIdentity): void;
  onEvent(event: EngineEvent): void;
}

export interface Lease {
  deadline(): number;
}

export interface Pool {
  start(job: Job, listener: PoolListener, lease?: Lease): PoolRun;
  close(): Promise<void>;
}

/** A worker that cannot be ready within this will never be. */
const WARM_UP_LIMIT_MS = 60_000;
/** Beyond the stop limits: a worker that does not report the end of its stopped CLI is hung and is killed. */
const REPORT_LIMIT_MS = 3_000;
const STDERR_TAIL_CHARS = 2_000;
/** How often a worker hears until when it may go on. */
const LEASE_TELL_MS = 1_000;

interface Task {
  readonly job: Job;
  readonly listener: PoolListener;
  readonly settle: (end: WorkerEnd) => void;
  readonly lease: Lease | undefined;
  cancelled: boolean;
  cli?: ProcessIdentity;
  watchdog?: NodeJS.Timeout;
  leaseTimer?: NodeJS.Timeout;
}

interface Worker {
  readonly child: ChildProcess;
  ready: boolean;
  runs: number;
  task?: Task;
  stderr: string;
  retired: boolean;
}

export function createPool(options: PoolOptions): Pool {
  const workers = new Set<Worker>();
  const queue: Task[] = [];
  let closed = false;
  let failedStarts = 0;

  const spawnWorker = (): void => {
    const child = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), [options.programModule], {
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      detached: true,
    });
    const worker: Worker = { child, ready: false, runs: 0, stderr: "", retired: false };
    workers.add(worker);
    const warmUp = setTimeout(() => child.kill("SIGKILL"), WARM_UP_LIMIT_MS).unref();
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      worker.stderr = (worker.stderr + chunk).slice(-STDERR_TAIL_CHARS);
    });
    child.on("message", (message: FromWorker) => {
      if (message.type === "ready") clearTimeout(warmUp);
      receive(worker, message);
    });
    child.once("exit", (code, signal) => {
      clearTimeout(warmUp);
      void lost(worker, signal ?? `exit code ${code}`);
    });
    child.on("error", () => {});
  };

  const dispatch = (): void => {
    for (const worker of workers) {
      if (!worker.ready || worker.task !== undefined || worker.retired) continue;
      const task = queue.shift();
      if (task === undefined) return;
      worker.task = task;
      begin(worker, task);
    }
  };

  const begin = (worker: Worker, task: Task): void => {
    const { job, lease } = task;
    if (lease === undefined) {
      send(worker, { type: "run", job });
      return;
    }
    send(worker, { type: "run", job, leaseDeadlineMs: lease.deadline() });
    const tell = () => send(worker, { type: "lease", deadlineMs: lease.deadline() });
    task.leaseTimer = setInterval(tell, LEASE_TELL_MS);
  };

  const receive = (worker: Worker, message: FromWorker): void => {
    const { task } = worker;
    if (message.type === "ready") {
      worker.ready = true;
      failedStarts = 0;
      dispatch();
    } else if (task === undefined) {
      return;
    } else if (message.type === "event") {
      task.listener.onEvent(message.event);
    } else if (message.type === "cli") {
      task.cli = message.process;
      task.listener.onCli(message.process);
    } else {
      finish(worker, task, message);
    }
  };

  const finish = (worker: Worker, task: Task, end: WorkerEnd): void => {
    delete worker.task;
    worker.runs += 1;
    const worn = worker.runs >= options.maxRunsPerWorker || end.rssBytes > options.maxWorkerBytes;
    if (end.error !== undefined || worn) retire(worker);
    disarm(task);
    task.settle(end);
    dispatch();
  };

  const retire = (worker: Worker): void => {
    worker.retired = true;
    workers.delete(worker);
    worker.child.disconnect();
    // Disconnected and idle it ends by itself; a program that left a busy loop behind does not.
    setTimeout(() => worker.child.kill("SIGKILL"), REPORT_LIMIT_MS).unref();
    if (!closed) spawnWorker();
  };

  const lost = async (worker: Worker, how: string): Promise<void> => {
    const { task } = worker;
    workers.delete(worker);
    delete worker.task;
    if (!closed && !worker.retired) replaceLost(worker, how);
    if (task === undefined) return;
    disarm(task);
    task.settle(await endOfLost(task, how));
  };

  /** Replaces a worker that died; when none can even start, says so to those who wait instead of looping. */
  const replaceLost = (worker: Worker, how: string): void => {
    if (!worker.ready) failedStarts += 1;
    if (failedStarts <= options.workers * 2) {
      spawnWorker();
      return;
    }
    failedStarts = 0;
    const error = new EngineError(
      "engine_failed",
      `Cannot start an engine worker (${how}): ${worker.stderr.trim()}`,
    );
    for (const task of queue.splice(0)) task.settle(errorEnd(error, false));
  };

  for (let i = 0; i < options.workers; i += 1) spawnWorker();

  return {
    start(job, listener, lease) {
      if (closed) throw new EngineError("engine_closed", "Cannot run: the engine has been closed.");
      if (queue.length >= options.maxQueuedRuns) {
        throw new EngineError(
          "engine_busy",
          `Cannot run: ${queue.length} runs wait already, and at most ${options.maxQueuedRuns} may. Try again later.`,
        );
      }
      while (workers.size < options.workers) spawnWorker();
      let task: Task | undefined;
      const done = new Promise<WorkerEnd>((settle) => {
        task = { job, listener, settle, lease, cancelled: false };
        queue.push(task);
      });
      dispatch();
      return { done, cancel: () => task && cancelTask(task) };
    },
    async close() {
      closed = true;
      const running = [...workers].map((worker) => worker.task).filter((task) => task !== undefined);
      for (const task of [...queue, ...running]) cancelTask(task);
      await Promise.all([...workers].map(endWorker));
    },
  };

  function cancelTask(task: Task): void {
    if (task.cancelled) return;
    task.cancelled = true;
    const waiting = queue.indexOf(task);
    if (waiting >= 0) {
      queue.splice(waiting, 1);
      const action = `${task.job.kind} stack ${task.job.target.projectName}/${task.job.target.stackName}`;
      task.settle(
        errorEnd(new EngineError("cancelled", `Cannot ${action}: it was cancelled before it began.`), false),
      );
      return;
    }
    const worker = [...workers].find((candidate) => candidate.task === task);
    if (worker === undefined) return;
    send(worker, { type: "cancel" });
    const { gracefulMs, impatientMs } = task.job.stop;
    task.watchdog = setTimeout(
      () => worker.child.kill("SIGKILL"),
      gracefulMs + impatientMs + REPORT_LIMIT_MS,
    );
  }

  async function endWorker(worker: Worker): Promise<void> {
    if (worker.child.exitCode !== null || worker.child.signalCode !== null) return;
    const exited = new Promise((resolve) => worker.child.once("exit", resolve));
    if (worker.task === undefined) worker.child.kill("SIGKILL");
    else if (worker.child.connected) worker.child.disconnect();
    await exited;
  }
}

/** The worker is gone; its run ends only when its CLI is gone too, so that the stack is free again. */
async function endOfLost(task: Task, how: string): Promise<WorkerEnd> {
  const { cli, job } = task;
  const { killed } = cli === undefined ? { killed: false } : await killProcess(cli);
  const stack = `${job.target.projectName}/${job.target.stackName}`;
  const error = task.cancelled
    ? new EngineError("cancelled", `Cannot finish ${job.kind} stack ${stack}: it was cancelled, by force.`)
    : new EngineError(
        "worker_crashed",
        `Cannot finish ${job.kind} stack ${stack}: its worker process died (${how}).`,
      );
  return errorEnd(error, killed);
}

function disarm(task: Task): void {
  clearTimeout(task.watchdog);
  clearInterval(task.leaseTimer);
}

function errorEnd(error: EngineError, killed: boolean): WorkerEnd {
  return { type: "end", error: error.toJSON(), killed, rssBytes: 0 };
}

function send(worker: Worker, message: ToWorker): void {
  // A worker that is just dying is noticed by its exit.
  worker.child.send(message, () => {});
}
