import type { HeldLease } from "../../registry/operationLease.ts";

/**
 * Which leases of other hosts have not been renewed for so long that their owners must be gone. It goes by what it has seen
 * itself and by this host's monotonic clock, so that no clock that jumps, the database's included, makes a live
 * owner look dead: a lease is silent when looks over at least `waitMs` have found it unchanged.
 */
export interface LeaseWatch {
  /** Takes the leases as they are now; answers the operations whose lease is silent. */
  look(held: readonly Pick<HeldLease, "operationId" | "fencingToken" | "leaseExpiresAt">[]): string[];
}

interface Seen {
  readonly lease: string;
  readonly sinceMs: number;
}

export function createLeaseWatch(waitMs: number, nowMs: () => number): LeaseWatch {
  let seen = new Map<string, Seen>();
  return {
    look(held) {
      const now = nowMs();
      const next = new Map<string, Seen>();
      for (const { operationId, fencingToken, leaseExpiresAt } of held) {
        const lease = `${fencingToken} ${leaseExpiresAt}`;
        const before = seen.get(operationId);
        next.set(operationId, before?.lease === lease ? before : { lease, sinceMs: now });
      }
      seen = next;
      return [...seen]
        .filter(([, { sinceMs }]) => now - sinceMs >= waitMs)
        .map(([operationId]) => operationId);
    },
  };
}

/** The same for leases that are asked for one at a time: whether this one has been found unchanged for at least `waitMs`. */
export function createSilences(waitMs: number, nowMs: () => number, most = 10_000) {
  const seen = new Map<string, Seen>();
  return (name: string, lease: string): boolean => {
    const before = seen.get(name);
    const known = before?.lease === lease ? before : { lease, sinceMs: nowMs() };
    // The newest last, so that what is forgotten is what nobody has asked for in a long while.
    seen.delete(name);
    seen.set(name, known);
    const [oldest] = seen.keys();
    if (seen.size > most && oldest !== undefined) seen.delete(oldest);
    return nowMs() - known.sinceMs >= waitMs;
  };
}
