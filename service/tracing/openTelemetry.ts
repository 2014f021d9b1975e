import {
  type Context,
  DiagLogLevel,
  diag,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Span as SdkSpan,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import { redactText } from "../../registry/redact.ts";
import { limits } from "../config/limits.ts";
import type { Logger } from "../log.ts";
import { scopeSpan } from "./scope.ts";
import { sparse } from "./sparse.ts";
import type { Attributes, Span, Tracing } from "./tracing.ts";

export interface OpenTelemetryOptions {
  /** OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces. */
  readonly endpoint: string;
  /** Share of the traces that begin here; one that a caller began is kept or not as the caller says. */
  readonly sample: number;
  readonly processId: string;
  readonly version: string;
  readonly log: Logger;
}

const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, internal: SpanKind.INTERNAL } as const;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/**
 * Spans by OpenTelemetry's SDK. Nothing is registered globally: the parent is named with each span, so neither its context
 * manager nor its propagators are needed, and Pulumi's own use of OpenTelemetry is left alone.
 */
export function openTelemetry({ endpoint, sample, processId, version, log }: OpenTelemetryOptions): Tracing {
  // A collector that is away fails every few seconds. What it or its library says may quote its address, with a password in it.
  const warn = sparse((message, keptBack) => {
    const tracing = redactText(message).slice(0, limits.traceErrorChars);
    log.warn({ tracing, keptBack }, "cannot send traces");
  }, limits.traceErrorEveryMs);
  const say = { error: warn, warn, info: () => undefined, debug: () => undefined, verbose: () => undefined };
  diag.setLogger(say, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      "service.name": "tenantry",
      "service.version": version,
      "service.instance.id": processId,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sample) }),
    spanProcessors: [
      new BatchSpanProcessor(new OTLPTraceExporter({ url: endpoint, timeoutMillis: limits.traceSendMs }), {
        maxQueueSize: limits.traceQueueSpans,
        maxExportBatchSize: limits.traceBatchSpans,
        scheduledDelayMillis: limits.traceEveryMs,
        exportTimeoutMillis: limits.traceSendMs,
      }),
    ],
  });
  const tracer = provider.getTracer("tenantry", version);
  return {
    begin(name, { kind = "internal", attributes = {}, parent = scopeSpan()?.traceparent } = {}) {
      const options = { kind: kinds[kind], attributes: present(attributes) };
      return spanOf(tracer.startSpan(name, options, contextOf(parent)) as SdkSpan);
    },
    async stop() {
      const timeUp = new Promise((resolve) => setTimeout(resolve, limits.traceStopMs).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), timeUp]);
    },
  };
}

function contextOf(traceparent: string | undefined): Context {
  const [, traceId = "", spanId = "", flags = "0"] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT;
}

function spanOf(span: SdkSpan): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
    set: (attributes) => void span.setAttributes(present(attributes)),
    end(failure) {
      if (failure !== undefined) {
        const { code, message = code } = failure;
        span.setAttribute("error.type", code);
        span.setStatus({ code: SpanStatusCode.ERROR, message });
      }
      span.end();
    },
  };
}

function present(attributes: Attributes): Record<string, string | number | boolean> {
  const known = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as Record<string, string | number | boolean>;
}
