import { describeFailure } from "../operations/failure.ts";
import { type ScopeFacts, scopeSpan, withinSpan } from "./scope.ts";

/**
 * Traces: which request asked for an operation, which steps it took, and which engine runs those waited for. Off unless
 * `--trace-endpoint` is given; then spans go there by OTLP over HTTP (openTelemetry.ts, which nothing else loads).
 *
 * The rest of the service knows only what is in this file. Spans are named by W3C's `traceparent`, a string: so a
 * parent can come from a caller's header, from the scope around, or from the journal of an operation that
 * was asked for yesterday by another process. It promises that tracing never fails, slows or holds up what it looks at, and that no
 * attribute holds more than ids, names, counts and codes.
 */
export interface Tracing {
  /** Begins a span below `parent`, else below the scope's, else a trace of its own. */
  begin(name: string, options?: SpanOptions): Span;
  /** Sends what is left, for a bounded time. */
  stop(): Promise<void>;
}

export interface SpanOptions {
  readonly kind?: "server" | "consumer" | "internal";
  readonly attributes?: Attributes;
  /** A `traceparent`; one that is malformed counts as none. */
  readonly parent?: string | undefined;
}

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Span {
  readonly traceparent: string | undefined;
  set(attributes: Attributes): void;
  /** With a failure it is marked as failed. The first end counts. */
  end(failure?: SpanFailure): void;
}

export interface SpanFailure {
  readonly code: string;
  /** Without secrets. */
  readonly message?: string;
}

const noSpan: Span = { traceparent: undefined, set: () => undefined, end: () => undefined };

export const noTracing: Tracing = { begin: () => noSpan, stop: async () => undefined };

export interface InSpan extends SpanOptions {
  /** For the log lines inside. */
  readonly facts?: ScopeFacts;
  /** What a failure is called; by default as an operation's failure is. Undefined: it is none. */
  readonly failureOf?: (thrown: unknown) => SpanFailure | undefined;
}

/** Runs work as a span, which ends with it. */
export async function inSpan<T>(
  tracing: Tracing,
  name: string,
  { facts, failureOf = describeFailure, ...options }: InSpan,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracing.begin(name, options);
  try {
    const result = await withinSpan(span, facts, () => work(span));
    span.end();
    return result;
  } catch (thrown) {
    span.end(span.traceparent === undefined ? undefined : failureOf(thrown));
    throw thrown;
  }
}

/** For whoever takes the work up later, in another process perhaps. */
export function traceparentNow(): { readonly traceparent?: string } {
  const traceparent = scopeSpan()?.traceparent;
  return traceparent === undefined ? {} : { traceparent };
}

export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
