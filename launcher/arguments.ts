import { isAbsolute, resolve } from "node:path";

/** What script/pulumi understands of a command line; everything else passes through to the CLI untouched. */
export interface CommandLine {
  /** The CLI's arguments: ours taken out, files made absolute. */
  readonly args: readonly string[];
  /** "" when there is none, as in `--help`. */
  readonly command: string;
  readonly stack?: string;
  readonly cloud?: string;
  /** Which of the repository's projects; another value of `--project` is the CLI's own flag. */
  readonly project: Project;
  /** The caller names a folder of their own (`-C`), so ours is not wanted. */
  readonly ownFolder: boolean;
}

const PROJECTS = ["plane", "control-plane"] as const;
export type Project = (typeof PROJECTS)[number];

const WITH_VALUE = new Set([
  "-C",
  "--cwd",
  "--color",
  "--tracing",
  "--profiling",
  "--memprofilerate",
  "-v",
  "--verbose",
]);
const FILES = new Set([
  "--file",
  "--plan",
  "--save-plan",
  "--event-log",
  "--config-file",
  "--import-file",
  "--policy-pack",
  "--out",
]);

type Seen = { -readonly [Key in keyof Omit<CommandLine, "args">]?: CommandLine[Key] };

export function parseCommandLine(argv: readonly string[], workingFolder: string): CommandLine {
  const args: string[] = [];
  const seen: Seen = {};
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (argument === "--") {
      args.push(...argv.slice(index));
      break;
    }
    const [flag, inline] = splitFlag(argument);
    const value = inline ?? argv[index + 1];
    const takeValue = () => {
      if (inline === undefined) index++;
    };
    if (flag === "--cloud") {
      seen.cloud = value ?? "";
      takeValue();
    } else if (flag === "--project" && isProject(value)) {
      seen.project = value;
      takeValue();
    } else if (flag === "-s" || flag === "--stack") {
      if (value !== undefined) seen.stack = value;
      args.push(argument, ...(inline === undefined && value !== undefined ? [value] : []));
      takeValue();
    } else if (FILES.has(flag) && value !== undefined) {
      // The CLI runs in a folder of its own; the caller's paths mean the caller's folder.
      args.push(flag, isAbsolute(value) ? value : resolve(workingFolder, value));
      takeValue();
    } else if (WITH_VALUE.has(flag)) {
      if (flag === "-C" || flag === "--cwd") seen.ownFolder = true;
      args.push(argument, ...(inline === undefined && value !== undefined ? [value] : []));
      takeValue();
    } else {
      if (!argument.startsWith("-")) seen.command ??= argument;
      args.push(argument);
    }
  }
  const { command = "", ownFolder = false, project = "plane" } = seen;
  return { args, command, ownFolder, project, ...optional(seen) };
}

function isProject(name: string | undefined): name is Project {
  return PROJECTS.some((project) => project === name);
}

function splitFlag(argument: string): [flag: string, value: string | undefined] {
  const match = /^(--[^=]+)=(.*)$/s.exec(argument);
  return match === null ? [argument, undefined] : [match[1] ?? "", match[2]];
}

function optional({
  stack,
  cloud,
}: {
  stack?: string;
  cloud?: string;
}): Pick<CommandLine, "stack" | "cloud"> {
  return { ...(stack === undefined ? {} : { stack }), ...(cloud === undefined ? {} : { cloud }) };
}

const CREATING = new Set(["up", "update", "preview", "pre"]);
const WITHOUT_CLOUD = new Set(
  "about cancel config env gen-completion help install login logout logs new org plugin schema stack state version whoami".split(
    " ",
  ),
);

/** `up` on a stack that does not exist yet creates it first. */
export function createsStack({ command }: CommandLine): boolean {
  return CREATING.has(command);
}

/** Whether a command may call a provider. An unknown command may. */
export function needsCloud({ command, args }: CommandLine): boolean {
  return command !== "" && !WITHOUT_CLOUD.has(command) && !args.includes("--help") && !args.includes("-h");
}
