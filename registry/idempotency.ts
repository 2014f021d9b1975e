import { createHash } from "node:crypto";
import { ProblemError } from "../contract/errors.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { fromJson, toJson } from "./json.ts";
import { redact } from "./redact.ts";

/** A key answers the same for this long after its first use. */
export const IDEMPOTENCY_KEY_LIFETIME_MS = 24 * 60 * 60 * 1_000;
/**
 * A request that has not answered by then most likely died with its process, so its key may be used again. Should it live
 * after all, its change finds the key taken and is rolled back (idempotencyCompleteWithin): it is made once.
 */
export const IDEMPOTENCY_REQUEST_MAX_MS = 60 * 1_000;

export interface IdempotencyRequest {
  readonly principalId: string;
  readonly key: string;
  readonly requestId: string;
  /** From `requestDigest`. */
  readonly requestDigest: string;
}

export type IdempotencyStart =
  | { readonly kind: "fresh" }
  | { readonly kind: "replay"; readonly status: number; readonly body: unknown };

/** Over what makes two requests the same one. */
export function requestDigest(request: { method: string; path: string; body: unknown }): string {
  const { method, path, body } = request;
  return createHash("sha256")
    .update(canonicalJson({ method: method.toUpperCase(), path, body: body ?? null }))
    .digest("hex");
}

/** Takes the key, or gives the answer kept for it; another body or a request still running is a problem. */
export async function idempotencyBegin(
  record: Bookkeeping,
  request: IdempotencyRequest,
): Promise<IdempotencyStart> {
  const { db, now } = record;
  const { principalId, key } = request;
  await record.lock(lockOf(request));
  const kept = await db
    .selectFrom("idempotencyKeys")
    .selectAll()
    .where("principalId", "=", principalId)
    .where("key", "=", key)
    .executeTakeFirst();
  if (kept !== undefined && kept.expiresAt > now) {
    if (kept.requestDigest !== request.requestDigest) throw reused(key);
    if (kept.state === "in_progress") throw inProgress(key);
    return {
      kind: "replay",
      status: kept.responseStatus ?? 200,
      body: kept.responseBody && fromJson(kept.responseBody),
    };
  }
  const row = {
    ...request,
    state: "in_progress" as const,
    responseStatus: null,
    responseBody: null,
    createdAt: now,
    expiresAt: later(now, IDEMPOTENCY_REQUEST_MAX_MS),
  };
  await db
    .insertInto("idempotencyKeys")
    .values(row)
    .onConflict((conflict) => conflict.columns(["principalId", "key"]).doUpdateSet(row))
    .execute();
  return { kind: "fresh" };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Keeps the answer inside the change that the request makes, so that a crash leaves both or neither. When the key has run
 * out meanwhile, or another request has taken it, the change must not be made: throws `idempotency_in_progress`.
 */
export async function idempotencyCompleteWithin(
  change: Bookkeeping,
  request: IdempotencyRequest,
  response: Answer,
): Promise<void> {
  await change.lock(lockOf(request));
  if (!(await idempotencyComplete(change, request, response))) throw inProgress(request.key);
}

/**
 * Keeps the answer, and says whether it did: the first one kept stays. Secrets in the body are cut out: a replay cannot
 * show them again.
 */
export async function idempotencyComplete(
  record: Bookkeeping,
  request: IdempotencyRequest,
  response: Answer,
): Promise<boolean> {
  const { numUpdatedRows } = await record.db
    .updateTable("idempotencyKeys")
    .set({
      state: "completed",
      responseStatus: response.status,
      responseBody: toJson(redact(response.body ?? null)),
      expiresAt: later(record.now, IDEMPOTENCY_KEY_LIFETIME_MS),
    })
    .where("principalId", "=", request.principalId)
    .where("key", "=", request.key)
    .where("requestId", "=", request.requestId)
    .where("state", "=", "in_progress")
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Frees the keys that nobody will answer any more: for the start of a service that is the only one. */
export async function idempotencyAbandonAll(record: Bookkeeping): Promise<void> {
  await record.db.deleteFrom("idempotencyKeys").where("state", "=", "in_progress").execute();
}

/** Frees the key of a request that changed nothing and whose answer should not be kept. */
export async function idempotencyAbandon(record: Bookkeeping, request: IdempotencyRequest): Promise<void> {
  await record.db
    .deleteFrom("idempotencyKeys")
    .where("principalId", "=", request.principalId)
    .where("key", "=", request.key)
    .where("requestId", "=", request.requestId)
    .where("state", "=", "in_progress")
    .execute();
}

/** Deletes what has run out; answers how many. */
export async function idempotencyPurge(record: Bookkeeping): Promise<number> {
  const { numDeletedRows } = await record.db
    .deleteFrom("idempotencyKeys")
    .where("expiresAt", "<=", record.now)
    .executeTakeFirst();
  return Number(numDeletedRows);
}

function lockOf({ principalId, key }: IdempotencyRequest): string {
  return `idempotency/${principalId}/${key}`;
}

function later(now: string, ms: number): string {
  return new Date(Date.parse(now) + ms).toISOString();
}

function reused(key: string): ProblemError {
  return new ProblemError("idempotency_key_reuse", {
    detail:
      "Cannot repeat the request: its Idempotency-Key must come with the same method, path, body, If-Match and " +
      "X-Tenantry-Force-Reason as before.",
    hint: "Send a new Idempotency-Key for a new request.",
    errors: [{ path: "header.idempotency-key", message: "was used for another request", value: key }],
  });
}

function inProgress(key: string): ProblemError {
  return new ProblemError("idempotency_in_progress", {
    detail: "Cannot repeat the request yet: the first one with this Idempotency-Key has not been answered.",
    hint: "Send it again in a few seconds.",
    errors: [{ path: "header.idempotency-key", message: "is in use", value: key }],
  });
}
