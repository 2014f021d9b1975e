/** The few lines of HTTP the control API needs: exact paths with `:name` segments, JSON bodies, problem+json. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { z } from "zod";
import { Problem } from "./problem.ts";

const MAX_BODY_BYTES = 1024 * 1024;

export interface ControlRequest {
  readonly query: URLSearchParams;
  readonly parameters: Readonly<Record<string, string>>;
  body<T>(schema: z.ZodType<T>): Promise<T>;
  /** The body as it comes, of any length; for contents of objects. */
  readonly content: AsyncIterable<Buffer>;
}

/** An answer that is sent as it is read. */
export class Content {
  readonly stream: Readable;
  readonly bytes: number;

  constructor(stream: Readable, bytes: number) {
    this.stream = stream;
    this.bytes = bytes;
  }
}

export type Handler = (request: ControlRequest) => unknown;
/** "GET /v1/resources" and so on. What a handler returns is sent as JSON with 200; undefined as 204. */
export type Routes = Readonly<Record<string, Handler>>;

interface Route {
  readonly method: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

export function createRouter(routes: Routes): RequestListener {
  const table = Object.entries(routes).map(([pattern, handler]): Route => {
    const [method = "", path = ""] = pattern.split(" ");
    return { method, segments: path.split("/"), handler };
  });
  return (request, response) => {
    answer(table, request)
      .then((body) =>
        body instanceof Content
          ? sendContent(response, body)
          : send(response, body === undefined ? 204 : 200, body),
      )
      .catch((error: unknown) => {
        const problem =
          error instanceof Problem ? error : new Problem(500, "internal", `Cannot answer: ${String(error)}`);
        send(response, problem.status, problem.body(), "application/problem+json");
      });
  };
}

async function answer(table: readonly Route[], request: IncomingMessage): Promise<unknown> {
  // Another site's page in the user's browser must not steer the local cloud; our own clients send no Origin.
  if (request.headers.origin !== undefined) {
    throw new Problem(403, "forbidden", "Cannot serve a browser's cross-site request.");
  }
  const url = new URL(request.url ?? "/", "http://localhost");
  const segments = url.pathname.split("/");
  const onPath = table.filter((route) => match(route.segments, segments) !== undefined);
  const route = onPath.find((candidate) => candidate.method === request.method);
  if (route === undefined) {
    if (onPath.length === 0) throw new Problem(404, "not_found", `Cannot find ${url.pathname}.`);
    throw new Problem(
      405,
      "method_not_allowed",
      `Cannot ${request.method} ${url.pathname}: the method must be one of ${onPath.map((r) => r.method).join(", ")}.`,
    );
  }
  return await route.handler({
    query: url.searchParams,
    parameters: match(route.segments, segments) ?? {},
    body: (schema) => readBody(request, schema),
    content: request,
  });
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (part.startsWith(":")) parameters[part.slice(1)] = decodeSegment(segment);
    else if (part !== segment) return undefined;
  }
  return parameters;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Problem(400, "bad_request", `Cannot read the path: ${segment} must be percent-encoded UTF-8.`);
  }
}

async function readBody<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      throw new Problem(
        413,
        "too_large",
        `Cannot read the body: it must be at most ${MAX_BODY_BYTES} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return validated(parseJson(Buffer.concat(chunks).toString("utf8")), schema);
}

function parseJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(400, "bad_json", "Cannot read the body: it must be JSON.");
  }
}

export function validated<T>(value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  const first = errors[0];
  throw new Problem(
    422,
    "invalid",
    `Cannot accept the request: ${first?.path ?? ""} ${first?.message ?? ""}`,
    errors,
  );
}

/** A reader that goes away in the middle is no error of ours. */
async function sendContent(response: ServerResponse, { stream, bytes }: Content): Promise<void> {
  response.setHeader("content-type", "application/octet-stream");
  response.setHeader("content-length", bytes);
  await pipeline(stream, response).catch(() => response.destroy());
}

function send(response: ServerResponse, status: number, body: unknown, type = "application/json"): void {
  response.statusCode = status;
  if (body === undefined) {
    response.end();
    return;
  }
  response.setHeader("content-type", type);
  response.end(JSON.stringify(body));
}
