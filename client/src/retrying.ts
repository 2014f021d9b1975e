import { delayMs, LIMITS, mayTryAgain, retryAfterMs } from "./retry.ts";

/** Answers that ask for another try: too much at once, or a service that is on its way. */
const WORTH_ANOTHER_TRY = new Set([429, 502, 503, 504]);

/**
 * Tries again what was not answered or not yet: with the same Idempotency-Key, so a mutation whose answer was lost is done once. Tries
 * and waits are bounded (retry.ts); each try has its own time limit.
 */
export function retrying(
  send: (request: Request) => Promise<Response>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const startedAt = Date.now();
    // Set before the first try: whoever sends it sets one only where there is none.
    if (request.method !== "GET" && !request.headers.has("idempotency-key")) {
      request.headers.set("idempotency-key", crypto.randomUUID());
    }
    for (let tries = 1; ; tries += 1) {
      const attempt = new Request(request.clone(), {
        signal: AbortSignal.any([request.signal, AbortSignal.timeout(LIMITS.requestTimeoutMs)]),
      });
      const outcome = await send(attempt).catch((error: unknown) => ({ error }));
      const connected = outcome instanceof Response;
      if (connected && !WORTH_ANOTHER_TRY.has(outcome.status)) return outcome;
      const asked = connected ? retryAfterMs(outcome.headers.get("retry-after"), Date.now()) : undefined;
      const waitMs = delayMs(tries, asked, Math.random());
      const again =
        !request.signal.aborted && mayTryAgain({ tries, waitMs, connected, startedAt, now: Date.now() });
      if (!again) {
        if (connected) return outcome;
        throw outcome.error;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  };
}
