/**
 * Everything that can go wrong in an engine run, in one place: the error type, and how what the CLI, the engine's
 * events, the program and the providers say is turned into a code, plain words and a word on trying again.
 */
import { type CliFailure, CliMissing } from "./cli.ts";
import type { EngineErrorCode, FailedResource, PreviewResult } from "./engine.ts";
import type { Redactor } from "./redact.ts";
import { stripColors } from "./redact.ts";

/** Plain words longer than this help nobody; the full text is in the run folder. */
const MAX_MESSAGE_CHARS = 2_000;

export interface EngineErrorDetails {
  readonly resource?: FailedResource;
  /** The provider's own words, redacted. */
  readonly providerMessage?: string;
  /** `stack_locked`: who holds the lock, as far as the backend tells. */
  readonly lock?: { readonly owner: string; readonly since?: string };
  /** `plan_changed`: what was expected and what is planned now. */
  readonly plan?: ChangedPlan;
  readonly cause?: unknown;
}

export interface ChangedPlan {
  readonly expectedDigest: string;
  readonly planned: PreviewResult;
}

export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: EngineErrorCode;
  readonly retryable: boolean;
  readonly resource?: FailedResource;
  readonly providerMessage?: string;
  readonly lock?: { readonly owner: string; readonly since?: string };
  readonly plan?: ChangedPlan;

  constructor(code: EngineErrorCode, message: string, details: EngineErrorDetails = {}) {
    super(clip(message), { cause: details.cause });
    this.code = code;
    this.retryable = isRetryable(code);
    if (details.resource !== undefined) this.resource = details.resource;
    if (details.providerMessage !== undefined) this.providerMessage = clip(details.providerMessage);
    if (details.lock !== undefined) this.lock = details.lock;
    if (details.plan !== undefined) this.plan = details.plan;
  }

  /** Plain JSON, for the way between worker and service. The cause stays behind. */
  toJSON(): SerializedEngineError {
    const { code, message, resource, providerMessage, lock, plan } = this;
    return {
      code,
      message,
      ...(resource && { resource }),
      ...(providerMessage && { providerMessage }),
      ...(lock && { lock }),
      ...(plan && { plan }),
    };
  }

  static fromJSON({ code, message, ...details }: SerializedEngineError): EngineError {
    return new EngineError(code, message, details);
  }
}

export interface SerializedEngineError extends Omit<EngineErrorDetails, "cause"> {
  readonly code: EngineErrorCode;
  readonly message: string;
}

/** Whether the same call can succeed later without anybody changing anything. */
export function isRetryable(code: EngineErrorCode): boolean {
  switch (code) {
    case "stack_locked":
    case "timed_out":
    case "provider_throttled":
    case "provider_unavailable":
    case "state_unavailable":
    case "worker_crashed":
    case "engine_busy":
    // Whose lease is somebody else's by now is told so when it writes down that it tries again.
    case "lease_lost":
      return true;
    case "cancelled":
    case "stack_not_found":
    case "plane_not_found":
    case "identity_mismatch":
    case "unclean_state":
    case "plan_changed":
    case "invalid_spec":
    case "program_failed":
    case "provider_failed":
    case "provider_denied":
    case "passphrase_wrong":
    case "cli_missing":
    case "engine_closed":
    case "engine_failed":
      return false;
  }
}

/** An error-severity message of the engine, with the resource it is about. */
export interface Diagnostic {
  readonly urn?: string;
  readonly message: string;
}

/** All that is known about a run that failed. */
export interface RunFailure {
  /** What was being done, for "Cannot <action>: …". */
  readonly action: string;
  readonly error: unknown;
  readonly diagnostics: readonly Diagnostic[];
  /** Resources whose operation failed, in order, with the operation. */
  readonly failed: readonly (FailedResource & { readonly op: string })[];
  /** What the inline program threw, if it did. */
  readonly programError?: unknown;
  readonly redact: Redactor;
}

/** How the SDK reports what a program threw where nobody caught it. */
const UNHANDLED = /^(error: )?Unhandled exception: (Error: )?/;

/** Turns a failed run into an EngineError. Order matters: the most specific cause wins. */
export function classifyFailure(failure: RunFailure): EngineError {
  if (failure.error instanceof EngineError) return failure.error;
  if (failure.error instanceof CliMissing) {
    return new EngineError("cli_missing", failure.error.message, { cause: failure.error });
  }
  const killed = failedCli(failure)?.signal;
  if (killed) {
    return new EngineError(
      "worker_crashed",
      `Cannot ${failure.action}: the engine's process was ended by ${killed}. Trying again first settles what it left.`,
      { cause: failure.error },
    );
  }
  const text = failureText(failure);
  return (
    classifyProgram(failure) ??
    classifyBackend(failure, text) ??
    classifyProvider(failure) ??
    new EngineError(
      // A provider that is gone before the first resource is told of by the CLI alone.
      UNAVAILABLE.test(text) ? "provider_unavailable" : "engine_failed",
      `Cannot ${failure.action}: ${lastWords(text) || "no reason was given"}`,
      { cause: failure.error },
    )
  );
}

function classifyProgram(failure: RunFailure): EngineError | undefined {
  // A program that awaits a resource is rejected when the provider fails: then the resource is the cause.
  if (failure.failed.length > 0) return undefined;
  const stray = failure.diagnostics.find((item) => UNHANDLED.test(item.message))?.message;
  const error = failure.programError ?? stray;
  if (error === undefined) return undefined;
  const raw = error instanceof Error ? error.message : firstLine(String(error).replace(UNHANDLED, ""));
  const message = failure.redact(stripColors(raw));
  // Programs say by the error's name that they refuse the stack they were started for (P5).
  const refused = error instanceof Error && error.name === "IdentityMismatchError";
  return new EngineError(
    refused ? "identity_mismatch" : "program_failed",
    refused ? message : `Cannot ${failure.action}: the stack's program failed: ${message}`,
    { cause: error },
  );
}

function classifyBackend(failure: RunFailure, text: string): EngineError | undefined {
  const cannot = `Cannot ${failure.action}`;
  const cause = { cause: failure.error };
  const lock = /created by (\S+ \(pid \d+\)) at (\S+)/.exec(text);
  if (/currently locked by|Another update is currently in progress/.test(text)) {
    const owner = lock?.[1] ?? "another update";
    return new EngineError(
      "stack_locked",
      `${cannot}: the stack is locked by ${owner}${lock ? ` since ${lock[2]}` : ""}. Wait until it ends; only ` +
        "when that process is certainly gone, remove its lock.",
      { ...cause, lock: { owner, ...(lock?.[2] !== undefined && { since: lock[2] }) } },
    );
  }
  if (/no stack named '?.*'? found|no stack named/.test(text)) {
    return new EngineError("stack_not_found", `${cannot}: there is no such stack.`, cause);
  }
  if (/incorrect passphrase|passphrase must be set/.test(text)) {
    return new EngineError(
      "passphrase_wrong",
      `${cannot}: the stack's secrets need the passphrase they were written with, and the one given is another. ` +
        "Restore the passphrase that was backed up with the state.",
      cause,
    );
  }
  if (
    /could not (open|list|get) bucket|read .pulumi\/meta|error (listing|loading) stacks?|failed to load checkpoint/i.test(
      text,
    )
  ) {
    return new EngineError(
      "state_unavailable",
      `${cannot}: the state backend does not answer: ${lastWords(text)}`,
      cause,
    );
  }
  return undefined;
}

const THROTTLED =
  /Throttl|TooManyRequests|RequestLimitExceeded|Rate exceeded|SlowDown|PriorRequestNotComplete|StatusCode: 429/i;
const DENIED =
  /AccessDenied|UnauthorizedOperation|AuthFailure|ExpiredToken|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|No valid credential|not authorized to perform|StatusCode: (401|403)/i;
const UNAVAILABLE =
  /connection refused|connection reset|no such host|i\/o timeout|deadline exceeded|transport: Error while dialing|error reading from server|did not begin responding to RPC|14 UNAVAILABLE|unknown service pulumirpc|ServiceUnavailable|InternalFailure|InternalError|RequestTimeout|StatusCode: 5\d\d/i;
const NO_PROVIDER =
  /no resource plugin|could not load plugin|could not find plugin|failed to load plugin|error: could not launch/i;

/** A call that broke off: whether it had its effect is not known. */
const UNANSWERED =
  /connection reset|i\/o timeout|deadline exceeded|error reading from server|RequestTimeout|StatusCode: 5\d\d/i;

export function isUnanswered(message: string): boolean {
  return UNANSWERED.test(message);
}

/**
 * A creation that was refused because an object of its name, or in its place, is there: the codes of the services that a tenant has
 * objects of, and the words of those that have none (ECS) or that the provider asks before it creates (load balancers).
 */
const TAKEN =
  /already exists|AlreadyExists|AlreadyOwnedByYou|ResourceExists|QueueNameExists|\.Duplicate\b|DuplicateListener|Duplicate(LoadBalancer|TargetGroup)Name|PriorityInUse|InvalidSubnet\.Conflict|ConflictingDomainExists|Creation of service was not idempotent/;

export function isTaken(message: string): boolean {
  return TAKEN.test(message);
}

function classifyProvider(failure: RunFailure): EngineError | undefined {
  const [first] = failure.failed;
  const raw =
    failure.diagnostics.find((item) => first !== undefined && item.urn === first.urn) ??
    failure.diagnostics.find(
      (item) => item.urn !== undefined && !item.urn.includes("pulumi:pulumi:Stack::"),
    ) ??
    failure.diagnostics[0];
  if (raw === undefined) return undefined;
  const message = failure.redact(stripColors(raw.message)).trim();
  const resource = first ?? (raw.urn === undefined ? undefined : resourceOf(raw.urn));
  const more = failure.failed.length > 1 ? ` (${failure.failed.length - 1} more resources failed too)` : "";
  const subject = resource ? subjectOf(resource, first?.op) : failure.action;
  return new EngineError(providerCode(message), `Cannot ${subject}: ${plainWords(message)}${more}`, {
    cause: failure.error,
    providerMessage: message,
    ...(resource && { resource: resourceOf(resource.urn) }),
  });
}

/** Without an operation the provider refused the inputs, or the provider itself did not come up. */
function subjectOf({ resourceType, logicalName }: FailedResource, op: string | undefined): string {
  const provider = /^pulumi:providers:(.+)$/.exec(resourceType)?.[1];
  return provider === undefined
    ? `${op ?? "accept"} ${resourceType} "${logicalName}"`
    : `use the provider ${provider}`;
}

function providerCode(message: string): EngineErrorCode {
  if (THROTTLED.test(message)) return "provider_throttled";
  if (DENIED.test(message)) return "provider_denied";
  if (NO_PROVIDER.test(message)) return "engine_failed";
  if (UNAVAILABLE.test(message)) return "provider_unavailable";
  return "provider_failed";
}

/**
 * The sentence a person needs out of a provider's message. AWS:
 * `creating ECS Service (x): operation error ECS: CreateService, https response error StatusCode: 400, RequestID: r,
 * ClusterNotFoundException: Cluster not found.` becomes `ClusterNotFoundException: Cluster not found. (ECS
 * CreateService, request r)`.
 */
export function plainWords(message: string): string {
  const aws =
    /operation error ([\w ]+): (\w+),.*?StatusCode: \d+, RequestID: ([\w-]*),(?: HostID: [^,]*,)? (?:api error )?([\s\S]+)/.exec(
      message,
    );
  if (aws) {
    const request = aws[3] ? `, request ${aws[3]}` : "";
    return `${tidy(aws[4] ?? "")} (${aws[1]} ${aws[2]}${request})`;
  }
  const check = /property (\S+) value \{([\s\S]*)\} has a problem: ([\s\S]+)/.exec(message);
  if (check) return `property ${check[1]} must be valid, got "${check[2]}": ${tidy(check[3] ?? "")}`;
  return tidy(message);
}

/** Drops what bridged providers wrap around a message: source positions, counts, bullets. */
function tidy(message: string): string {
  return message
    .replace(/\bsdk-v2\/provider2\.go:\d+: sdk\.helper_schema: /g, "")
    .replace(/: provider=[\w-]+@[\w.-]+/g, "")
    .replace(/^\s*(error: )?\d+ errors? occurred:\s*/gm, "")
    .replace(/^\s*\* /gm, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line, index, lines) => line !== "" && lines.indexOf(line) === index)
    .join(" ");
}

/** Type and logical name out of a URN: `urn:pulumi:stack::project::parent$type::name`. */
export function resourceOf(urn: string): FailedResource {
  const [, , qualifiedType = "", ...name] = urn.split("::");
  return {
    urn,
    resourceType: qualifiedType.slice(qualifiedType.lastIndexOf("$") + 1),
    logicalName: name.join("::"),
  };
}

function failedCli({ error }: RunFailure): CliFailure["result"] | undefined {
  return (error as Partial<CliFailure> | undefined)?.result;
}

function failureText(failure: RunFailure): string {
  const result = failedCli(failure);
  const parts = [
    ...failure.diagnostics.map((item) => item.message),
    result?.stderr,
    result?.stdout,
    result ? undefined : String(failure.error instanceof Error ? failure.error.message : failure.error),
  ];
  return failure.redact(stripColors(parts.filter((part) => part !== undefined).join("\n")));
}

function lastWords(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const from = lines.findIndex((line) => /^error: /.test(line));
  return tidy((from >= 0 ? lines.slice(from, from + 5) : lines.slice(-5)).join("\n").replace(/^error: /, ""));
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

function clip(text: string): string {
  return text.length <= MAX_MESSAGE_CHARS ? text : `${text.slice(0, MAX_MESSAGE_CHARS)}…`;
}
