import type { ErrorCode, ProblemError } from "../../contract/errors.ts";
import {
  type IdempotencyRequest,
  idempotencyAbandon,
  idempotencyBegin,
  idempotencyComplete,
  idempotencyCompleteWithin,
} from "../../registry/idempotency.ts";
import type { Change, Registry } from "../../registry/registry.ts";

export interface KeptAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Remembers what was answered to a key. */
export interface IdempotencyStore {
  /** The answer given before; undefined when the request is the first and may go on. Throws on misuse of the key. */
  begin(request: IdempotencyRequest): Promise<KeptAnswer | undefined>;
  complete(request: IdempotencyRequest, answer: KeptAnswer): Promise<void>;
  /** The same inside the change that the request makes. */
  completeWithin(change: Change, request: IdempotencyRequest, answer: KeptAnswer): Promise<void>;
  /** A refusal is kept like an answer; what may pass (5xx, something else under way, rights) is forgotten, so a retry can succeed. */
  fail(request: IdempotencyRequest, problem: ProblemError): Promise<void>;
}

/** What a tenant or a key may do changes; policies look at the time and at the tenant, and change themselves. */
const OF_RIGHTS: ReadonlySet<ErrorCode> = new Set([
  "policy_denied",
  "policy_error",
  "residency_violation",
  "not_entitled",
  "forbidden",
]);

export function createIdempotencyStore(registry: Registry): IdempotencyStore {
  return {
    async begin(request) {
      const started = await registry.record((record) => idempotencyBegin(record, request));
      return started.kind === "replay" ? started : undefined;
    },
    async complete(request, answer) {
      await registry.record((record) => idempotencyComplete(record, request, answer));
    },
    completeWithin: idempotencyCompleteWithin,
    async fail(request, problem) {
      const mayPass = problem.status === 409 || problem.status === 429 || OF_RIGHTS.has(problem.code);
      const kept = problem.status < 500 && !mayPass;
      const answer = { status: problem.status, body: problem.toProblem() };
      await registry.record<unknown>((record) =>
        kept ? idempotencyComplete(record, request, answer) : idempotencyAbandon(record, request),
      );
    },
  };
}
