import type { Response } from "express";
import { ERRORS, type ErrorCode, ProblemError } from "../../contract/errors.ts";
import { limits } from "../config/limits.ts";

/** When it is worth asking again. */
const RETRY_AFTER_S: Partial<Record<ErrorCode, number>> = {
  not_ready: 5,
  busy: 5,
  idempotency_in_progress: 1,
  storage_full: 30,
  queue_full: 30,
};

/** What a body parser or the router throws; both are known by these members alone. */
interface HttpLibraryError {
  readonly type?: string;
  readonly status?: number;
}

/**
 * The one mapping from whatever was thrown to what the caller sees. What we did not foresee becomes `internal`: its message
 * stays in the log, because it may hold what the caller must not see.
 */
export function asProblem(thrown: unknown): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  const { type, status } = (thrown ?? {}) as HttpLibraryError;
  if (type === "entity.too.large") return bodyTooLarge(thrown);
  if (type === "entity.parse.failed") return malformedJson(thrown);
  if (type === "encoding.unsupported" || type === "charset.unsupported") {
    return new ProblemError("unsupported_media_type", {
      detail: "Cannot read the body: it must be UTF-8 JSON in an encoding such as gzip or none.",
      hint: "Send Content-Type: application/json; charset=utf-8 without an exotic Content-Encoding.",
      cause: thrown,
    });
  }
  if (status === 400) {
    return new ProblemError("malformed_json", {
      detail: "Cannot read the request: its path or body is cut off or wrongly encoded.",
      hint: "Send the whole body, and percent-encode what is special in the path.",
      cause: thrown,
    });
  }
  return new ProblemError("internal", {
    detail: "The service failed to answer; the failure is in its log under this request id.",
    hint: "Try again; if it happens again, report the request id.",
    cause: thrown,
  });
}

function bodyTooLarge(cause: unknown): ProblemError {
  return new ProblemError("body_too_large", {
    detail: `Cannot read the body: it must be at most ${limits.bodyBytes} bytes.`,
    hint: "Send less at once.",
    errors: [{ path: "body", message: `must be at most ${limits.bodyBytes} bytes` }],
    cause,
  });
}

function malformedJson(cause: unknown): ProblemError {
  return new ProblemError("malformed_json", {
    detail: `Cannot read the body: it must be JSON. ${(cause as Error).message}`,
    hint: "Check quotes, commas and brackets, for instance with jq.",
    errors: [{ path: "body", message: "is not JSON" }],
    cause,
  });
}

export function sendProblem(response: Response, problem: ProblemError, requestId: string): void {
  if (problem.status === 401) response.set("WWW-Authenticate", 'Bearer realm="tenantry"');
  const retryAfterS = RETRY_AFTER_S[problem.code];
  if (retryAfterS !== undefined) response.set("Retry-After", String(retryAfterS));
  response.status(ERRORS[problem.code].status).type("application/problem+json");
  response.send(JSON.stringify(problem.toProblem(requestId)));
}
