/** Translation of the Pulumi engine's event log. Pure. */
import type { EngineEvent as PulumiEvent, StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import type { EngineEvent, OpSummary } from "./engine.ts";
import { type Diagnostic, resourceOf } from "./errors.ts";
import { type Redactor, stripColors } from "./redact.ts";

/** What a run's events add up to. Step metadata comes with secrets masked by the engine. */
export interface RunLog {
  /** Steps that ended well, in order. */
  readonly steps: StepEventMetadata[];
  readonly failed: StepEventMetadata[];
  readonly diagnostics: Diagnostic[];
  summary: OpSummary;
  /** Whether the engine has counted up: nothing of what it planned or did is missing here. */
  complete: boolean;
  readonly startedAtMs: number;
}

export function createRunLog(): RunLog {
  return { steps: [], failed: [], diagnostics: [], summary: {}, complete: false, startedAtMs: Date.now() };
}

/** Adds one event to the log and says what, if anything, a listener should hear of it. */
export function recordEvent(log: RunLog, event: PulumiEvent, redact: Redactor): EngineEvent | undefined {
  // The engine's own timestamps have whole seconds; runs are quicker than that.
  const nowMs = Date.now();
  const at = new Date(nowMs).toISOString();
  if (event.resourcePreEvent) return resourceEvent(event.resourcePreEvent.metadata, "started", at);
  if (event.resOutputsEvent) {
    log.steps.push(event.resOutputsEvent.metadata);
    return resourceEvent(event.resOutputsEvent.metadata, "done", at);
  }
  if (event.resOpFailedEvent) {
    log.failed.push(event.resOpFailedEvent.metadata);
    return resourceEvent(event.resOpFailedEvent.metadata, "failed", at);
  }
  if (event.summaryEvent) {
    log.summary = definedCounts(event.summaryEvent.resourceChanges ?? {});
    log.complete = true;
    return { type: "summary", summary: log.summary, durationMs: nowMs - log.startedAtMs, at };
  }
  return event.diagnosticEvent ? diagnosticEvent(log, event.diagnosticEvent, redact, at) : undefined;
}

function resourceEvent(
  step: StepEventMetadata,
  status: "started" | "done" | "failed",
  at: string,
): EngineEvent | undefined {
  // What stays the same is no progress, and there is a lot of it.
  if (step.op === "same") return undefined;
  return { type: "resource", op: step.op, ...resourceOf(step.urn), status, at };
}

const SEVERITIES: Readonly<Record<string, "info" | "warning" | "error">> = {
  info: "info",
  "info#err": "info",
  warning: "warning",
  error: "error",
};

function diagnosticEvent(
  log: RunLog,
  raw: NonNullable<PulumiEvent["diagnosticEvent"]>,
  redact: Redactor,
  at: string,
): EngineEvent | undefined {
  const message = redact(stripColors(raw.message)).trim();
  const severity = SEVERITIES[raw.severity];
  // The SDK's debug chatter comes through here too, under a severity its types do not know.
  if (raw.ephemeral || message === "" || severity === undefined) return undefined;
  const urn = raw.urn ? { urn: raw.urn } : {};
  if (severity === "error") log.diagnostics.push({ message, ...urn });
  return { type: "diagnostic", severity, message, ...urn, at };
}

function definedCounts(counts: Readonly<Record<string, number | undefined>>): OpSummary {
  return Object.fromEntries(Object.entries(counts).filter((entry): entry is [string, number] => !!entry[1]));
}

/** True when anything but "same" and reads happened. */
export function isChanged(summary: OpSummary): boolean {
  return Object.keys(summary).some((op) => op !== "same" && op !== "read" && op !== "refresh");
}
