import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../engine/monotonic.ts";

/**
 * Keeps a lease while an operation runs, and knows until when it may be relied on.
 *
 * The deadline is the START of the last renewal that succeeded plus the lease, less the time that stopping an engine run by
 * force may take: whoever is still working then stops, and has stopped when the lease runs out. It is passed on to the
 * engine's worker (RunHooks.lease), which ends its CLI by itself when this process is frozen or gone.
 */
export interface KeptLease {
  /** By this host's monotonic clock (engine/monotonic.ts), in ms. */
  deadline(): number;
  stop(): void;
}

export interface LeaseOptions {
  /** Rejects with LeaseLostError when somebody else holds it; any other rejection is tried again. */
  renew(): Promise<void>;
  isLost(thrown: unknown): boolean;
  readonly leaseMs: number;
  /** Off the end of the lease: what stopping an engine run may take. */
  readonly killTimeMs: number;
  /** When it was begun to take it, by the monotonic clock: then it need not be renewed first. */
  readonly heldSinceMs?: number;
  /** Called once: the lease is another's, or could not be renewed until its deadline. */
  onLost(): void;
  onError(thrown: unknown): void;
}

/** Several tries fit between a renewal and the deadline. */
const RENEWALS_PER_LEASE = 6;
const RETRIES_PER_LEASE = 60;

/** Unless it was just taken it is renewed once before this resolves; rejects when that fails. */
export async function keepLease(options: LeaseOptions): Promise<KeptLease> {
  const { leaseMs, killTimeMs } = options;
  const stopped = new AbortController();
  let deadline = 0;
  const renew = async () => {
    const startedAtMs = monotonicMs();
    await options.renew();
    deadline = startedAtMs + leaseMs - killTimeMs;
  };
  const lose = () => {
    if (stopped.signal.aborted) return;
    stopped.abort();
    options.onLost();
  };
  const keep = async () => {
    let waitMs = leaseMs / RENEWALS_PER_LEASE;
    while (!stopped.signal.aborted) {
      await delay(waitMs, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
      if (stopped.signal.aborted) return;
      try {
        await renew();
        waitMs = leaseMs / RENEWALS_PER_LEASE;
      } catch (thrown) {
        if (stopped.signal.aborted) return;
        options.onError(thrown);
        if (options.isLost(thrown)) lose();
        waitMs = leaseMs / RETRIES_PER_LEASE;
      }
    }
  };
  // Nothing relies on the lease yet, so until it is renewed there is no deadline to pass.
  if (options.heldSinceMs === undefined) await renew();
  else deadline = options.heldSinceMs + leaseMs - killTimeMs;
  // A renewal may hang on a database that is away, so the deadline is watched on its own.
  const watch = setInterval(() => {
    if (monotonicMs() > deadline) lose();
  }, leaseMs / RETRIES_PER_LEASE).unref();
  stopped.signal.addEventListener("abort", () => clearInterval(watch), { once: true });
  void keep();
  return { deadline: () => deadline, stop: () => stopped.abort() };
}
