import { type ErrorCode, ProblemError, type ProblemOptions } from "../contract/errors.ts";
import type { RegistryDialect } from "./dialect/registryDialect.ts";

/** The registry cannot do it now and may well in a moment: the same call is worth another try. */
export class RegistryProblem extends ProblemError {
  readonly retryable = true;
  /** It struck during the commit: nobody can tell whether the change was made. */
  readonly mayBeDone: boolean;

  constructor(
    code: Extract<ErrorCode, "busy" | "not_ready" | "storage_full">,
    options: ProblemOptions,
    mayBeDone = false,
  ) {
    super(code, options);
    this.name = "RegistryProblem";
    this.mayBeDone = mayBeDone;
  }
}

const SEND_AGAIN = "Send the request again in a few seconds, with the same Idempotency-Key.";

export function tooManyWriters(limit: number): RegistryProblem {
  return new RegistryProblem("busy", {
    detail: `Cannot write to the registry: at most ${limit} changes may wait, and that many do.`,
    hint: SEND_AGAIN,
  });
}

/** During a commit nobody can tell whether it still took place; in any other phase it certainly did not. */
export type Phase = "read" | "change" | "commit";

/** Puts an error of the database that passes by itself in the registry's words; all others come back as they are. */
export function describeFailure(dialect: RegistryDialect, error: unknown, phase: Phase): unknown {
  const failure = dialect.failure(error, phase !== "read");
  if (failure === undefined) return error;
  if (failure === "unstorable") {
    const detail =
      "Cannot store the text: it must hold no NUL character (U+0000), and it does. Nothing was changed.";
    return new ProblemError("invalid_request", { detail, hint: "Send it without.", cause: error });
  }
  const verb = phase === "read" ? "read from" : "write to";
  if (failure === "busy") {
    const why = dialect.name === "sqlite" ? "its write lock" : "a lock or a connection";
    const detail = `Cannot ${verb} the registry: another process has held ${why} for too long.`;
    return new RegistryProblem("busy", { detail, hint: SEND_AGAIN, cause: error });
  }
  if (failure === "full") {
    const detail = `Cannot ${verb} the registry: its database must have room, and its disk is full. Nothing was changed.`;
    return new RegistryProblem("storage_full", { detail, hint: `Make room. ${SEND_AGAIN}`, cause: error });
  }
  const problem = {
    detail: `Cannot ${verb} the registry: its database must be reachable, and it is not. ${OUTCOMES[phase]}`,
    hint: phase === "read" ? "Send the request again in a few seconds." : SEND_AGAIN,
    cause: error,
  };
  return new RegistryProblem("not_ready", problem, phase === "commit");
}

const OUTCOMES: Readonly<Record<Phase, string>> = {
  read: "Nothing was changed.",
  change: "Nothing was changed.",
  commit: "It went away during the commit: the change may have been made.",
};
