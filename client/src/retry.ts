/** How often and how long the client tries. All times in milliseconds. */
export const LIMITS = {
  requestTimeoutMs: 60_000,
  /** A service that cannot be reached is likelier wrong than restarting. */
  triesUnreachable: 4,
  triesBusy: 8,
  firstDelayMs: 200,
  mostDelayMs: 10_000,
  /** Of one call, all its waits included, when nobody said how long to wait. */
  totalMs: 60_000,
} as const;

/** Exponential with jitter, or what the service asked for. `chance` is from 0 up to 1. */
export function delayMs(tries: number, asked: number | undefined, chance: number): number {
  const grown = Math.min(LIMITS.firstDelayMs * 2 ** (tries - 1), LIMITS.mostDelayMs);
  return Math.round(Math.max(asked ?? 0, grown * (0.5 + chance / 2)));
}

export interface Try {
  readonly tries: number;
  readonly waitMs: number;
  /** The service answered, if only that it is busy. */
  readonly connected: boolean;
  readonly startedAt: number;
  readonly now: number;
  readonly patientUntil?: number;
}

export function mayTryAgain({ tries, waitMs, connected, startedAt, now, patientUntil }: Try): boolean {
  if (patientUntil !== undefined) return now + waitMs < patientUntil;
  const most = connected ? LIMITS.triesBusy : LIMITS.triesUnreachable;
  return tries < most && now + waitMs - startedAt < LIMITS.totalMs;
}

/** Of a Retry-After header, in seconds or as a date. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
