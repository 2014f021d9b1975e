import { Readable } from "node:stream";
import { z } from "zod";
import { type CloudErrorCode, CloudRuntimeError } from "./cloudRuntime.ts";
import { brokenOff, type Permit } from "./permit.ts";

/** The local cloud's control API, with its failures in this seam's words. */
export interface LocalControl {
  ask<T>(question: Question, schema: z.ZodType<T>): Promise<T>;
  /** The body is sent as it is read, and read once. */
  send<T>(question: Question, body: AsyncIterable<Uint8Array>, schema: z.ZodType<T>): Promise<T>;
  open(question: Question): Promise<AsyncIterable<Uint8Array>>;
}

export interface Question {
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Default: 10 s. */
  readonly timeoutMs?: number;
  readonly permit?: Permit | undefined;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** For an object's content, whatever its size. */
const TRANSFER_TIMEOUT_MS = 600_000;

const CODES: readonly CloudErrorCode[] = [
  "secret_not_found",
  "object_not_found",
  "object_exists",
  "bucket_not_found",
  "database_not_found",
];

export function createLocalControl(controlUrl: () => Promise<string>): LocalControl {
  const urlOf = async ({ path, query = {}, permit }: Question): Promise<URL> => {
    const url = new URL(path, await reachable(controlUrl));
    permit?.check();
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(key, value);
    return url;
  };
  return {
    async ask(question, schema) {
      const body = question.body === undefined ? {} : { body: JSON.stringify(question.body) };
      const url = await urlOf(question);
      const timeoutMs = question.timeoutMs ?? REQUEST_TIMEOUT_MS;
      const init = { method: question.method ?? "GET", ...body };
      return fetched(url, init, timeoutMs, question)
        .then((response) => read(url, response, schema))
        .catch((thrown: unknown) => brokenOff(question.permit, thrown));
    },
    async send(question, body, schema) {
      const url = await urlOf(question);
      const failure: { thrown?: unknown } = {};
      const sent = streamOf(body, question.permit, failure);
      const init = { method: "PUT", body: sent, duplex: "half" } as RequestInit;
      try {
        return await read(url, await fetched(url, init, TRANSFER_TIMEOUT_MS, question), schema);
      } catch (thrown) {
        // What broke was not the local cloud but what was to be written.
        return brokenOff(question.permit, failure.thrown ?? thrown);
      }
    },
    async open(question) {
      const url = await urlOf(question);
      const response = await fetched(url, {}, TRANSFER_TIMEOUT_MS, question).catch((thrown: unknown) =>
        brokenOff(question.permit, thrown),
      );
      if (!response.ok) await read(url, response, z.unknown());
      return reading(url, response, question.permit);
    },
  };
}

/** The last look is before the end, which is what makes the object be there. */
function streamOf(
  body: AsyncIterable<Uint8Array>,
  permit: Permit | undefined,
  failure: { thrown?: unknown },
): ReadableStream {
  async function* noted(): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
      permit?.check();
    } catch (thrown) {
      failure.thrown = thrown;
      throw thrown;
    }
  }
  return Readable.toWeb(Readable.from(noted())) as ReadableStream;
}

async function* reading(
  url: URL,
  response: Response,
  permit: Permit | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    if (response.body !== null) yield* response.body;
  } catch (cause) {
    brokenOff(permit, unreachable(url, cause));
  }
}

async function reachable(controlUrl: () => Promise<string>): Promise<string> {
  try {
    return await controlUrl();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `Cannot ask the local cloud: it could not be started. ${why}`;
    throw new CloudRuntimeError("cloud_unreachable", message, { retryable: true, cause });
  }
}

async function fetched(
  url: URL,
  init: RequestInit,
  timeoutMs: number,
  { permit }: Question,
): Promise<Response> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = permit === undefined ? timeout : AbortSignal.any([timeout, permit.signal]);
  try {
    return await fetch(url, { ...init, signal });
  } catch (cause) {
    throw unreachable(url, cause);
  }
}

function unreachable(url: URL, cause: unknown): CloudRuntimeError {
  const message = `Cannot ask the local cloud at ${url.origin}: it does not answer. Is it running?`;
  return new CloudRuntimeError("cloud_unreachable", message, { retryable: true, cause });
}

async function read<T>(url: URL, response: Response, schema: z.ZodType<T>): Promise<T> {
  let body: unknown;
  try {
    const text = await response.text();
    body = text === "" ? undefined : JSON.parse(text);
  } catch (cause) {
    throw unreachable(url, cause);
  }
  if (!response.ok) throw refusal(url, response.status, body);
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  // Without the parser's words, since they may quote what was read.
  const message = `Cannot read the local cloud's answer to ${url.pathname}: it has another shape than expected.`;
  throw new CloudRuntimeError("cloud_refused", message, { retryable: false });
}

function refusal(url: URL, status: number, body: unknown): CloudRuntimeError {
  const { detail, code: said } = (body ?? {}) as { detail?: string; code?: string };
  const missing = status === 404 && url.searchParams.get("type") === "aws:ecs/cluster:Cluster";
  const code = missing ? "cluster_not_found" : (CODES.find((known) => known === said) ?? "cloud_refused");
  return new CloudRuntimeError(
    code,
    `Cannot ask the local cloud (${url.pathname}): ${detail ?? `status ${status}`}`,
    { retryable: status >= 500 || status === 429 },
  );
}
