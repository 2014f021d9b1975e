/** How the command ends; docs/cli.md tells pipelines what to do with each. */
export const EXIT = {
  done: 0,
  /** The request was refused, or what it started did not succeed. */
  failed: 1,
  /** A comparison found something: drift, a manifest that differs, a broken audit chain. */
  differences: 2,
  /** Not everything could be looked at, or it did not end in time. */
  incomplete: 3,
  usage: 64,
  unreachable: 69,
  denied: 77,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with a sentence for people; `problem` is what `--json` prints instead. */
export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly problem: unknown;

  constructor(exitCode: ExitCode, message: string, options: { cause?: unknown; problem?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "Failure";
    this.exitCode = exitCode;
    this.problem = options.problem;
  }
}

export function usageFailure(message: string): Failure {
  return new Failure(EXIT.usage, message);
}
