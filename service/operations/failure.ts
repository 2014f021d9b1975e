import { hostname } from "node:os";
import type { OperationErrorValue } from "../../registry/schema.ts";
import { mayStillRun } from "../engine/processes.ts";

const maxMessageChars = 2_000;

interface CodedError {
  readonly code: string;
  readonly message: string;
  readonly retryable?: boolean;
  readonly resource?: { readonly urn: string };
  readonly providerMessage?: string;
}

/** What a person reads about a failed step. Errors without a code of ours keep their text in the log alone. */
export function describeFailure(thrown: unknown): OperationErrorValue {
  if (!isCoded(thrown)) {
    const message = "The step failed in a way it was not prepared for; the service's log has the details.";
    return { code: "internal", message, retryable: false };
  }
  const message = thrown.message.slice(0, maxMessageChars);
  const { code, resource, providerMessage } = thrown;
  return {
    ...{ code, message, retryable: thrown.retryable === true },
    ...(resource && { resource: resource.urn }),
    ...(providerMessage && { providerMessage: providerMessage.slice(0, maxMessageChars) }),
  };
}

/** Node's own errors carry a code too, in capitals; their messages may hold paths and are not for callers. */
function isCoded(thrown: unknown): thrown is CodedError {
  if (!(thrown instanceof Error) || !("code" in thrown)) return false;
  return typeof thrown.code === "string" && /^[a-z][a-z_]*$/.test(thrown.code);
}

export function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}

/** What the clocks of two hosts may differ by. */
const CLOCK_SKEW_MS = 60_000;

/**
 * Whether the lock's owner, named as `user@host (pid n)`, certainly runs no more. On this host that can be seen. Of another host it
 * is known by the lease of the stack, which the caller holds: it was to be had only after the former holder's lease had
 * run out and its kill time had passed. The lock must be as old as that as well, so that nobody's who came later is broken; and it
 * must have been made since `takenUpFrom`, when an earlier process began the operation that the caller goes on with. Any other lock
 * is a person's, who has no lease: it is never broken.
 */
export function lockOwnerIsGone(
  thrown: unknown,
  { leaseMs, killTimeMs }: { readonly leaseMs: number; readonly killTimeMs: number },
  takenUpFrom: string | null,
  nowMs: number = Date.now(),
): boolean {
  const { host, pid, since } = lockOf(thrown);
  const sinceMs = Date.parse(since);
  if (pid === undefined) return false;
  if (host === hostname())
    return !mayStillRun(Number(pid), Number.isNaN(sinceMs) ? Number.POSITIVE_INFINITY : sinceMs);
  const isOurs = takenUpFrom !== null && sinceMs >= Date.parse(takenUpFrom) - CLOCK_SKEW_MS;
  return isOurs && sinceMs + leaseMs + killTimeMs <= nowMs;
}

/** Whether the lock's owner is, or was, a process of this host. */
export function isLockedHere(thrown: unknown): boolean {
  return lockOf(thrown).host === hostname();
}

/** Who keeps the stack locked, by `stack_locked`; undefined where that is not told. */
export function lockOwnerOf(thrown: unknown): { readonly host: string; readonly pid: number } | undefined {
  const { host, pid } = lockOf(thrown);
  return host === undefined || pid === undefined ? undefined : { host, pid: Number(pid) };
}

function lockOf(thrown: unknown) {
  const { owner = "", since = "" } = (thrown as { lock?: { owner?: string; since?: string } }).lock ?? {};
  const [, host, pid] = /@(\S+) \(pid (\d+)\)/.exec(owner) ?? [];
  return { host, pid, since };
}
