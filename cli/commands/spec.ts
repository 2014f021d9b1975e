import type { Client } from "../api/client.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

/** One command as a value: the parser, the help, docs/cli.md and the completion are all made from it. */
export interface CommandSpec {
  readonly noun: string;
  readonly verb: string;
  readonly summary: string;
  readonly description?: string | undefined;
  readonly args: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** Whatever goes wrong ends it with 1, because a pipeline branches on 2 and 3. */
  readonly plainExit?: true;
  /** Prints no JSON of its own, so `--json` is not offered. */
  readonly noJson?: true;
  run(input: Input, session: Session): Promise<ExitCode>;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly many?: boolean;
}

export interface OptionSpec {
  /** Without the dashes. */
  readonly name: string;
  /** What stands for the value in the help; a switch has none. */
  readonly value?: string;
  /** May be given more than once. */
  readonly many?: boolean;
  readonly short?: string;
  readonly choices?: readonly string[];
  readonly description: string;
}

/** What was typed: arguments and options by their names. */
export interface Input {
  readonly args: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

export interface Session {
  readonly io: Io;
  /** Exactly one JSON value, or one a line, on standard output. */
  readonly json: boolean;
  readonly profile: string | undefined;
  client(): Client;
}

export function text(input: Input, option: string): string | undefined {
  const value = input.options[option];
  return typeof value === "string" ? value : undefined;
}

export function texts(input: Input, option: string): readonly string[] {
  const value = input.options[option];
  if (value === undefined || typeof value === "boolean") return [];
  return typeof value === "string" ? [value] : value;
}

export function isOn(input: Input, option: string): boolean {
  return input.options[option] === true;
}

export function argument(input: Input, name: string): string {
  const value = input.args[name];
  return typeof value === "string" ? value : "";
}

export function argumentList(input: Input, name: string): readonly string[] {
  const value = input.args[name];
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}

/** Options that many commands share. */
export const OPTIONS = {
  json: { name: "json", description: "one JSON value instead of text" },
  profile: { name: "profile", value: "name", description: "the profile that says where the service is" },
  yes: { name: "yes", short: "y", description: "do it without asking" },
  file: {
    name: "file",
    short: "f",
    value: "path",
    description: "the request's body as YAML or JSON, - for standard input; options come on top of it",
  },
  wait: { name: "wait", description: "wait for the end; exit code 1 when it did not succeed" },
  watch: { name: "watch", description: "wait, and tell every event; with --json one a line" },
  timeout: {
    name: "timeout",
    value: "duration",
    description:
      "how long to wait, such as 15m; 1h when left out, a day for a rollout. What was begun goes on; exit code 3",
  },
  all: { name: "all", description: "all pages" },
  idempotencyKey: {
    name: "idempotency-key",
    value: "key",
    description: "of this request; the same key again gives the same answer and does nothing twice",
  },
} as const satisfies Record<string, OptionSpec>;
