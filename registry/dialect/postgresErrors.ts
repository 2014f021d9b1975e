import pg from "pg";
import type { DatabaseFailure } from "./registryDialect.ts";

/** What PostgreSQL, its driver and the network say when something is in the way, put in the registry's words. */

const UNIQUE_VIOLATION = "23505";
/** Text with a NUL in it, which PostgreSQL has no place for. */
const UNTRANSLATABLE = "22021";

const BUSY = new Set([
  "55P03", // a lock was not to be had in time
  "57014", // the statement took longer than its limit
  "40P01", // two transactions waited for each other
  "40001", // another transaction was faster
  "53300", // all connections are taken
]);

const UNAVAILABLE = new Set([
  "57P01", // the server is being stopped
  "57P02", // it crashed
  "57P03", // it is starting or recovering
  "25P03", // the session was idle in a transaction for too long
]);

/** No room on the server's disk: for a row, or for what it must write before it may commit. */
const FULL = new Set(["53100"]);

/** Of a session that may write: the server has become a standby. Of one that may not, it is the caller's fault. */
const READ_ONLY = "25006";

const NETWORK = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  "ENOTFOUND",
]);

/** The driver gives these no code. */
const DRIVER: readonly [RegExp, DatabaseFailure][] = [
  [/^timeout exceeded when trying to connect/, "busy"],
  [/^Connection terminated/, "unavailable"],
  [/^Client has encountered a connection error/, "unavailable"],
  [/^Query read timeout/, "unavailable"],
];

export function failure(error: unknown, writing: boolean): DatabaseFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof pg.DatabaseError) {
    const code = error.code ?? "";
    if (BUSY.has(code)) return "busy";
    if (code === UNTRANSLATABLE) return "unstorable";
    if (FULL.has(code)) return "full";
    if (code === READ_ONLY && writing) return "unavailable";
    return UNAVAILABLE.has(code) || code.startsWith("08") ? "unavailable" : undefined;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && NETWORK.has(code)) return "unavailable";
  return DRIVER.find(([shape]) => shape.test(error.message))?.[1];
}

/** Such as `tenants.tenants_live_slug`. */
export function uniqueViolation(error: unknown): string | undefined {
  if (!(error instanceof pg.DatabaseError) || error.code !== UNIQUE_VIOLATION) return undefined;
  return `${error.table}.${error.constraint}`;
}
