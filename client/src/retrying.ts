import { delayMs, LIMITS, mayTryAgain, retryAfterMs } from "./retry.ts";

/** Answers that ask for another try: too much at once, or a service that is on its way. */
const WORTH_ANOTHER_TRY = new Set([429, 502, 503, 504]);

/** A first try may still be under way when its answer is given up: 409 says so, and when to ask again. */
const asksAgain = ({ status, headers }: Response) =>
  WORTH_ANOTHER_TRY.has(status) || (status === 409 && headers.has("retry-after"));

/**
 * Tries again what was not answered or not yet: with the same Idempotency-Key, so a mutation whose answer was lost is done once. Tries
 * and waits are bounded (retry.ts), and end at once when the caller gives up. Each try has its own time limit until its answer begins; how long
 * an answer may take is the caller's to say, as exports and event streams are long.
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
      const outcome = await once(send, request).catch((error: unknown) => ({ error }));
      const connected = outcome instanceof Response;
      if (connected && !asksAgain(outcome)) return outcome;
      const asked = connected ? retryAfterMs(outcome.headers.get("retry-after"), Date.now()) : undefined;
      const waitMs = delayMs(tries, asked, Math.random());
      const again =
        !request.signal.aborted && mayTryAgain({ tries, waitMs, connected, startedAt, now: Date.now() });
      if (!again) {
        if (connected) return outcome;
        throw outcome.error;
      }
      // Unread, it would hold its connection.
      if (connected) await outcome.body?.cancel().catch(() => undefined);
      await wait(waitMs, request.signal);
    }
  };
}

async function once(send: (request: Request) => Promise<Response>, request: Request): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(timedOut()), LIMITS.requestTimeoutMs);
  try {
    const signal = AbortSignal.any([request.signal, late.signal]);
    return await send(new Request(request.clone(), { signal }));
  } finally {
    clearTimeout(timer);
  }
}

function timedOut(): DOMException {
  return new DOMException(`No answer within ${LIMITS.requestTimeoutMs} ms.`, "TimeoutError");
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
