/**
 * A worker process: runs one job at a time and nothing else.
 *
 * Programs of two tenants never share a process at the same moment: they would share rejection handlers and a log
 * chain, and a stray rejection in one would fail the other. The pool replaces a worker whose run failed. When the
 * service dies, its workers stop their CLI as if the run had been cancelled, and end; when it is frozen or loses its
 * lease, they stop their CLI at the lease's deadline.
 */
import { writeSync } from "node:fs";
import { ownConnections } from "./connections.ts";
import type { FromWorker, Job, ToWorker, WorkerEnd } from "./job.ts";
import { lighten } from "./lighten.ts";
import { monotonicMs } from "./monotonic.ts";
import { createRun, type ProgramFactory, type Run } from "./run.ts";

/** The module whose `tenantProgram(spec, { project, stack })` makes a target's program. */
const [, , programModule = ""] = process.argv;

const LEASE_LOOK_MS = 250;

let current: Run | undefined;
let leaseDeadlineMs = Number.POSITIVE_INFINITY;

process.on("message", (message: ToWorker) => {
  if (message.type === "cancel") current?.cancel("cancelled");
  else if (message.type === "lease") leaseDeadlineMs = message.deadlineMs;
  else void execute(message.job, message.leaseDeadlineMs ?? Number.POSITIVE_INFINITY);
});

/** The dead-man switch: whoever started the run says every second how long it may go on, or does not any more. */
setInterval(lookAtLease, LEASE_LOOK_MS);

function lookAtLease(): void {
  if (current !== undefined && monotonicMs() > leaseDeadlineMs) current.cancel("lease_lost");
}

process.on("disconnect", () => {
  if (current === undefined) process.exit(0);
  current.cancel("cancelled");
});

// Between runs nobody listens for these; during a run the language server does, and fails the run by it.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});

const tenantProgram = await warmUp();
send({ type: "ready" });

/** Loads what runs need. The pool reads the reason from standard error when that fails. */
async function warmUp(): Promise<ProgramFactory> {
  try {
    await import("@pulumi/pulumi/automation/index.js");
    lighten();
    ownConnections();
    return (await import(programModule)).tenantProgram;
  } catch (error) {
    writeSync(2, String(error));
    process.exit(1);
  }
}

async function execute(job: Job, deadlineMs: number): Promise<void> {
  leaseDeadlineMs = deadlineMs;
  current = createRun(job, tenantProgram, {
    onCli: (process_) => send({ type: "cli", process: process_ }),
    onEvent: (event) => send({ type: "event", event }),
  });
  lookAtLease();
  const end: WorkerEnd = { type: "end", ...(await current.done), rssBytes: process.memoryUsage.rss() };
  current = undefined;
  if (process.connected) send(end);
  else process.exit(0);
}

function send(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {});
}
