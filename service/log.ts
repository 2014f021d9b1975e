import path from "node:path";
import { destination, type Logger, pino } from "pino";
import { redactText } from "../registry/redact.ts";
import type { Settings } from "./config.ts";
import { scopeFacts, scopeSpan } from "./tracing/scope.ts";
import { traceIdOf } from "./tracing/tracing.ts";

export type { Logger } from "pino";

/** Where a key or a secret may turn up in an object that is logged; values are replaced before a line is written. */
const redacted = [
  "authorization",
  "*.authorization",
  'headers["x-api-key"]',
  '*.headers["x-api-key"]',
  "*.apiKey",
  "apiKey",
  "passphrase",
  "*.passphrase",
  "secret",
  "*.secret",
  "password",
  "*.password",
];

/** JSON lines on stdout when asked for; else to `<dataDir>/service.log`, so that the terminal stays readable. */
export function createLog(settings: Pick<Settings, "dataDir" | "jsonLog" | "logLevel">): Logger {
  const target = settings.jsonLog ? 1 : path.join(settings.dataDir, "service.log");
  const file = destination({ dest: target, mkdir: true, sync: false });
  // Lines are lost while the disk is full or the reader of stdout is gone; unheard, the event would end the service.
  file.on("error", () => undefined);
  return pino(
    {
      level: settings.logLevel,
      base: { service: "tenantry" },
      redact: { paths: redacted, censor: "[redacted]" },
      mixin: whatItIsAbout,
      serializers: { err: withoutSecrets },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    file,
  );
}

/** Every line of a request or an operation says of which, and of which tenant; see tracing/scope.ts. */
function whatItIsAbout(): object {
  const traceparent = scopeSpan()?.traceparent;
  return { ...scopeFacts(), ...(traceparent !== undefined && { traceId: traceIdOf(traceparent) }) };
}

/** Providers and databases quote what they were given, passwords in addresses included. */
function withoutSecrets(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return redactText(String(thrown));
  const { type, message, stack, code } = pino.stdSerializers.err(thrown);
  return {
    ...{ type, message: redactText(message), stack: redactText(stack) },
    ...(code !== undefined && { code }),
    ...(thrown instanceof AggregateError && {
      causes: thrown.errors.map((one: unknown) => redactText(String(one))),
    }),
  };
}
