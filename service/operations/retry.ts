import { limits } from "../config/limits.ts";

export interface RetryPolicy {
  readonly attempts: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

export const stepRetry: RetryPolicy = {
  attempts: limits.stepAttempts,
  backoffMs: limits.stepBackoffMs,
  backoffMaxMs: limits.stepBackoffMaxMs,
};

/** Exponential, with full jitter on its upper half, so that operations that failed together do not return together. */
export function backoffMs(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** (attempt - 1));
  return Math.round(ceiling * (0.5 + random() / 2));
}

/** Resolves after the time, or at once when aborted; the caller looks at the signal. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
