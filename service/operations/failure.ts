import { hostname } from "node:os";
import type { OperationErrorValue } from "../../registry/schema.ts";

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

/**
 * Whether the lock's owner, named as `user@host (pid n)`, certainly runs no more: same host, and no such process. A pid that was given to
 * another program counts as alive; then a person has to decide.
 */
export function lockOwnerIsDead(thrown: unknown): boolean {
  const owner = (thrown as { lock?: { owner?: string } }).lock?.owner ?? "";
  const [, host, pid] = /@(\S+) \(pid (\d+)\)/.exec(owner) ?? [];
  if (host !== hostname() || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "ESRCH";
  }
}
