import type { Settings } from "../config.ts";
import type { Logger } from "../log.ts";
import { noTracing, type Tracing } from "./tracing.ts";

/** OpenTelemetry is loaded here and only when it is asked for: it takes a start a quarter of a second. */
export async function startTracing(
  settings: Pick<Settings, "traceEndpoint" | "traceSample">,
  facts: { readonly processId: string; readonly version: string },
  log: Logger,
): Promise<Tracing> {
  const { traceEndpoint, traceSample } = settings;
  if (traceEndpoint === undefined) return noTracing;
  const { openTelemetry } = await import("./openTelemetry.ts");
  return openTelemetry({ endpoint: traceEndpoint, sample: traceSample, ...facts, log });
}
