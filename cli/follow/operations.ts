import { setTimeout as sleep } from "node:timers/promises";
import type { JournalEntry, Operation, OperationDetail } from "../../contract/operation.ts";
import type { Session } from "../commands/spec.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { harmless, paint } from "../io.ts";
import { bar, createLive, type Live } from "../show/live.ts";
import { durationMs, durationText } from "../show/time.ts";
import { toneOf } from "../show/views.ts";
import { journalOf } from "./journal.ts";

export interface Follow {
  /** Tell every entry of the journals. */
  readonly watch: boolean;
  readonly timeout: string | undefined;
}

/** A stream for each up to here; more operations are asked after in turn. */
const MOST_STREAMS = 8;
const POLL_MS = 1_000;
const DEFAULT_TIMEOUT = "1h";

interface Followed {
  operation: Operation;
  said: string;
}

/** Waits until all have ended. Their states are the answer; the exit code says whether all succeeded. */
export async function followOperations(
  session: Session,
  operations: readonly Operation[],
  { watch, timeout = DEFAULT_TIMEOUT }: Follow,
): Promise<ExitCode> {
  const until = Date.now() + durationMs(timeout, "timeout");
  const all = operations.map((operation): Followed => ({ operation, said: "" }));
  const live = createLive(session.io);
  const redraw = () => live.draw(progressLines(session, all));
  const clock = setInterval(redraw, POLL_MS);
  const goodbye = interruption(session, all);
  try {
    redraw();
    const follow = all.length <= MOST_STREAMS ? byStream : byAsking;
    await follow(session, all, until, (one, entry) => {
      one.said = entry.message ?? [entry.type.replaceAll("_", " "), entry.step].filter(Boolean).join(" ");
      if (watch) tellEntry(session, live, one, entry);
      redraw();
    });
  } finally {
    clearInterval(clock);
    goodbye();
    live.end();
  }
  return ended(session, all, watch);
}

type Told = (one: Followed, entry: JournalEntry) => void;

async function byStream(session: Session, all: Followed[], until: number, told: Told): Promise<void> {
  const client = session.client();
  await Promise.all(
    all.map(async (one) => {
      for await (const entry of journalOf(client, one.operation.operationId, until)) told(one, entry);
      one.operation = await operationNow(session, one.operation.operationId, until);
    }),
  );
}

async function byAsking(session: Session, all: Followed[], until: number, told: Told): Promise<void> {
  for (;;) {
    for (const one of all.filter(({ operation }) => operation.finishedAt === null)) {
      const before = one.operation;
      one.operation = await operationNow(session, before.operationId, until);
      if (one.operation.updatedAt !== before.updatedAt) told(one, asEntry(one.operation));
    }
    if (all.every(({ operation }) => operation.finishedAt !== null) || Date.now() >= until) return;
    await sleep(POLL_MS);
  }
}

/** What asking in turn sees of a journal: where it has got to. */
function asEntry({ operationId, status, currentStep, attempt, error, updatedAt }: Operation): JournalEntry {
  const type = status === "queued" ? "created" : status === "running" ? "progress" : status;
  const message = error?.message ?? null;
  return { operationId, sequence: 0, type, step: currentStep, attempt, message, data: {}, at: updatedAt };
}

async function operationNow(
  { client }: Session,
  operationId: string,
  until: number,
): Promise<OperationDetail> {
  const path = `/v1/control-plane/operations/${operationId}`;
  const patientUntil = Math.max(until, Date.now() + POLL_MS);
  return (await client().call<OperationDetail>({ method: "get", path, patientUntil })).body;
}

function tellEntry({ io, json }: Session, live: Live, { operation }: Followed, entry: JournalEntry): void {
  if (json) {
    io.out(`${JSON.stringify(entry)}\n`);
    return;
  }
  const words = [entry.type.replaceAll("_", " "), entry.step, entry.message].filter(Boolean).join(" ");
  live.say(harmless(`${entry.at.slice(11, 19)} ${label(operation)} ${words}`), io.out);
}

function label({ kind, planeName, tenantId }: Operation): string {
  return [kind.replace("tenant_", ""), planeName, tenantId?.slice(0, 8)].filter(Boolean).join(" ");
}

function progressLines({ io }: Session, all: readonly Followed[]): string[] {
  const done = all.filter(({ operation }) => operation.finishedAt !== null).length;
  const failed = all.filter(
    ({ operation }) => operation.finishedAt !== null && operation.status !== "succeeded",
  );
  const total = all.length > 1 ? [bar(io, done, failed.length, all.length)] : [];
  const running = all.filter(({ operation }) => operation.finishedAt === null);
  return [
    ...total,
    ...running.map(({ operation, said }) => {
      const age = durationText(Date.now() - Date.parse(operation.startedAt ?? operation.createdAt));
      return harmless(`${label(operation)}  ${age}  ${said || operation.status}`);
    }),
  ];
}

function ended(session: Session, all: readonly Followed[], watch: boolean): ExitCode {
  const operations = all.map(({ operation }) => operation);
  const { io, json } = session;
  if (json && !watch) io.out(`${JSON.stringify({ operations })}\n`);
  if (!json) for (const operation of operations) io.out(`${resultText(session, operation)}\n`);
  if (operations.some(({ finishedAt }) => finishedAt === null)) {
    io.err(`Not over yet. Follow it: tenantry operation watch ${unfinished(operations)}\n`);
    return EXIT.incomplete;
  }
  return operations.every(({ status }) => status === "succeeded") ? EXIT.done : EXIT.failed;
}

function resultText({ io }: Session, operation: Operation): string {
  const { status, startedAt, finishedAt, createdAt, error, compensation, operationId } = operation;
  const took = finishedAt === null ? "" : ` in ${seconds(startedAt ?? createdAt, finishedAt)} s`;
  const lines = [`${paint(io, toneOf(status), status)} ${label(operation)}${took} (${operationId})`];
  if (error !== null)
    lines.push(`  ${error.message}`, ...(error.step ? [`  step ${error.step}, code ${error.code}`] : []));
  if (error?.providerMessage) lines.push(`  ${error.providerMessage}`);
  if (compensation === "succeeded") lines.push("  What it had done was undone.");
  if (error?.undo) lines.push(`  It could not be undone: ${error.undo.message}`);
  if (error?.retryable) lines.push(`  Try again: tenantry operation retry ${operationId}`);
  return [lines[0] ?? "", ...lines.slice(1).map(harmless)].join("\n");
}

function seconds(from: string, to: string): string {
  return ((Date.parse(to) - Date.parse(from)) / 1_000).toFixed(1);
}

function unfinished(operations: readonly Operation[]): string {
  return operations
    .filter(({ finishedAt }) => finishedAt === null)
    .map(({ operationId }) => operationId)
    .join(" ");
}

/** Ctrl-C ends the watching and not what is watched; that must be said. */
function interruption({ io }: Session, all: readonly Followed[]): () => void {
  const onInterrupt = () => {
    const ids = unfinished(all.map(({ operation }) => operation));
    io.err(`\nIt goes on without you. Follow it: tenantry operation watch ${ids}\n`);
    process.exit(EXIT.interrupted);
  };
  process.once("SIGINT", onInterrupt);
  return () => void process.off("SIGINT", onInterrupt);
}
