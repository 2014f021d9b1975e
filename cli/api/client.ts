import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isProblem } from "../../client/src/problem.ts";
import { delayMs, LIMITS, mayTryAgain, retryAfterMs } from "../../client/src/retry.ts";
import { createTransport } from "../../client/src/transport.ts";
import { EXIT, Failure } from "../exit.ts";
import type { Access } from "../settings/profiles.ts";
import { problemFailure } from "./problem.ts";

/**
 * Every request of the command line goes through here, by the transport of the TypeScript client (client/). It promises: a mutation
 * carries one Idempotency-Key in all its tries, so that trying again after a lost answer does nothing twice; tries are bounded
 * in number and time; whatever fails becomes a Failure with a sentence and an exit code.
 */
export interface Call {
  readonly method: string;
  /** From the first slash on. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of a mutation; made up when left out. */
  readonly idempotencyKey?: string | undefined;
  readonly timeoutMs?: number;
  /** Until then a service that is away is waited for. */
  readonly patientUntil?: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly type: string;
  readonly text: string;
  /** Of JSON answers. */
  readonly body: T;
}

export interface Client {
  readonly origin: string;
  call<T>(call: Call): Promise<Answer<T>>;
  /** The answer as it opens; its body is for the caller to read. Tried once. */
  open(call: Call, signal: AbortSignal): Promise<Response>;
}

/** The service could not be asked, or asked to be asked later. */
class Away extends Failure {
  readonly waitMs: number | undefined;
  constructor(message: string, waitMs: number | undefined, options: { cause?: unknown; problem?: unknown }) {
    super(EXIT.unreachable, message, options);
    this.waitMs = waitMs;
  }
}

export interface ClientOptions {
  readonly access: Access;
  readonly userAgent: string;
  /** Told before each wait, for people who wonder why nothing happens. */
  readonly onRetry?: (why: string, waitMs: number) => void;
}

export function createClient({ access, userAgent, onRetry }: ClientOptions): Client {
  const transport = createTransport({ url: access.url, apiKey: access.key, userAgent });
  const send = (call: Call, signal: AbortSignal) =>
    transport.send(call, signal).catch((cause: unknown) => {
      if (cause instanceof Failure) throw cause;
      throw new Away(
        `Cannot ask the service: ${access.url.origin} does not answer. TENANTRY_URL or a profile names another.`,
        undefined,
        { cause },
      );
    });
  const once = async <T>(call: Call): Promise<Answer<T>> => {
    const response = await send(call, AbortSignal.timeout(call.timeoutMs ?? LIMITS.requestTimeoutMs));
    return read<T>(response, access.url.origin);
  };
  return {
    origin: access.url.origin,
    open: async (call, signal) => {
      const response = await send(call, signal);
      if (response.ok) return response;
      await read(response, access.url.origin);
      throw new Error("unreachable: an answer that is not ok was read without a failure");
    },
    async call<T>(call: Call): Promise<Answer<T>> {
      const repeatable = withKey(call);
      const startedAt = Date.now();
      for (let tries = 1; ; tries += 1) {
        try {
          return await once<T>(repeatable);
        } catch (error) {
          if (!(error instanceof Away)) throw error;
          const connected = error.problem !== undefined;
          const waitMs = delayMs(tries, error.waitMs, Math.random());
          const again = mayTryAgain({
            tries,
            waitMs,
            connected,
            startedAt,
            now: Date.now(),
            ...(call.patientUntil === undefined ? {} : { patientUntil: call.patientUntil }),
          });
          if (!again) throw error;
          onRetry?.(error.message, waitMs);
          await sleep(waitMs);
        }
      }
    },
  };
}

function withKey(call: Call): Call {
  if (call.method.toLowerCase() === "get") return call;
  return { ...call, headers: { "idempotency-key": call.idempotencyKey ?? randomUUID(), ...call.headers } };
}

async function read<T>(response: Response, origin: string): Promise<Answer<T>> {
  const text = await response.text().catch((cause: unknown) => {
    throw new Away(`Cannot ask the service: ${origin} broke off its answer.`, undefined, { cause });
  });
  const type = response.headers.get("content-type") ?? "";
  const { status, headers } = response;
  // Lines of JSON are no JSON document.
  const isJson = /^application\/([\w.-]+\+)?json\b/.test(type);
  const body = isJson ? parsed(text) : undefined;
  const isOurs = type.includes("problem+json") && isProblem(body);
  const readable = body !== undefined || !(isJson || type.includes("html"));
  if (response.ok && readable) return { status, headers, type, text, body: body as T };
  const waitMs = retryAfterMs(headers.get("retry-after"), Date.now());
  if (isOurs) {
    const failure = problemFailure(body);
    if (status !== 429 && status !== 503 && body.code !== "idempotency_in_progress") throw failure;
    throw new Away(failure.message, waitMs, { problem: body });
  }
  const message = `Cannot ask the service: ${origin} answers ${status} and not as Tenantry does. TENANTRY_URL or a profile names another.`;
  if (status === 502 || status === 503 || status === 504) throw new Away(message, waitMs, {});
  throw new Failure(EXIT.unreachable, message);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
