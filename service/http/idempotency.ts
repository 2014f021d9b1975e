import type { ProblemError } from "../../contract/errors.ts";

/** Who asks, with which key, in which request. */
export interface IdempotencyClaim {
  readonly principalId: string;
  readonly key: string;
  readonly requestId: string;
}

export type IdempotencyOutcome =
  | { readonly kind: "answered"; readonly status: number; readonly body: unknown }
  | { readonly kind: "refused"; readonly problem: ProblemError };

/** Remembers what was answered to a key. `begin` gives undefined when the request is the first and may go on. */
export interface IdempotencyStore {
  begin(claim: IdempotencyClaim & { readonly digest: string }): Promise<IdempotencyOutcome | undefined>;
  complete(claim: IdempotencyClaim, status: number, body: unknown): Promise<void>;
  /** A refusal is remembered like an answer; a failure of ours is forgotten, so that a retry can succeed. */
  fail(claim: IdempotencyClaim, problem: ProblemError): Promise<void>;
}
