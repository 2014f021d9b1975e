/**
 * Whether work that lasts may still go on. Whoever is given one asks before each request that changes something, and lets go of
 * what is under way when it ends: past its end somebody else may be at the same data.
 */
export interface Permit {
  /** Aborted when it has ended; stops what waits for an answer. */
  readonly signal: AbortSignal;
  /**
   * Throws when it has ended, also where the signal does not say so yet: a process that was frozen meets the answers that came
   * meanwhile before its own timers.
   */
  check(): void;
}

/** Throws the permit's own words where it has ended, since what broke is then its doing; else what was thrown. */
export function brokenOff(permit: Permit | undefined, thrown: unknown): never {
  permit?.check();
  throw thrown;
}

/** As the SDK of AWS takes it with a request that is about to be sent. */
export function sending(permit: Permit | undefined): { readonly abortSignal?: AbortSignal } {
  permit?.check();
  return permit === undefined ? {} : { abortSignal: permit.signal };
}
