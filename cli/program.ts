import { Argument, Command, CommanderError, Option } from "commander";
import { createClient } from "./api/client.ts";
import { commandsOf, NOUNS, nouns } from "./commands/catalog.ts";
import { type CommandSpec, type Input, OPTIONS, type OptionSpec, type Session } from "./commands/spec.ts";
import { candidates, completionScript, SHELLS, type Shell } from "./completion.ts";
import { EXIT, type ExitCode, Failure } from "./exit.ts";
import type { Io } from "./io.ts";
import { access, exposure } from "./settings/profiles.ts";
import { version } from "./version.ts";

const AFTER = `
Where the service is and which key opens it: TENANTRY_URL and TENANTRY_API_KEY, or \`tenantry profile set\`.
Exit codes: 0 done, 1 failed, 2 drift or differences, 3 incomplete, 64 usage, 69 unreachable, 77 denied.
`;

/** Parses the command line with the commands of one noun, and runs the one that was named. */
export async function runProgram(argv: readonly string[], io: Io): Promise<ExitCode> {
  if (argv[0] === "__complete") return complete(argv.slice(1), io);
  let code: ExitCode = EXIT.done;
  const program = await makeProgram(argv, io, (ended) => {
    code = ended;
  });
  if (argv.length === 0) {
    program.outputHelp();
    return EXIT.done;
  }
  try {
    await program.parseAsync(argv as string[], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return EXIT.done;
    return (await endsPlainly(argv)) ? EXIT.failed : EXIT.usage;
  }
  return code;
}

async function makeProgram(argv: readonly string[], io: Io, end: (code: ExitCode) => void): Promise<Command> {
  const program = quiet(new Command("tenantry"), io)
    .description("The command line of Tenantry, a control plane for tenants.")
    .version(version(), "-V, --version")
    .addHelpText("after", AFTER);
  const named = argv.filter((word) => !word.startsWith("-") && word !== "help")[0];
  for (const noun of nouns()) {
    const group = quiet(program.command(noun), io).description(NOUNS[noun] ?? "");
    if (noun !== named) continue;
    for (const spec of await commandsOf(noun)) {
      const command = spec.verb === "" ? group : quiet(group.command(spec.verb), io);
      describe(command, spec, async (input, options) => {
        const session = sessionOf(io, options);
        const ended = spec.run(input, session).catch((thrown: unknown) => {
          throw spec.plainExit === true ? plain(thrown) : thrown;
        });
        end(await ended);
      });
    }
  }
  addCompletion(program, io);
  return program;
}

async function endsPlainly(argv: readonly string[]): Promise<boolean> {
  const [noun = "", verb] = argv.filter((word) => !word.startsWith("-"));
  if (!nouns().includes(noun)) return false;
  return (await commandsOf(noun)).some((spec) => spec.verb === verb && spec.plainExit === true);
}

function addCompletion(program: Command, io: Io): void {
  quiet(program.command("completion"), io)
    .description("Print the script that lets a shell complete commands")
    .addArgument(new Argument("<shell>").choices([...SHELLS]))
    .addHelpText("after", "\nFor example: source <(tenantry completion bash)")
    .action((shell: Shell) => io.out(completionScript(shell)));
}

async function complete(words: readonly string[], io: Io): Promise<ExitCode> {
  const offered = await candidates(words);
  io.out(offered.map((word) => `${word}\n`).join(""));
  return EXIT.done;
}

function quiet(command: Command, io: Io): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .configureHelp({ helpWidth: Number.isFinite(io.columns) ? io.columns : 100 });
}

function plain(thrown: unknown): unknown {
  if (!(thrown instanceof Failure)) return thrown;
  return new Failure(EXIT.failed, thrown.message, { cause: thrown, problem: thrown.problem });
}

type Options = Record<string, string | boolean | string[] | undefined>;

function describe(
  command: Command,
  spec: CommandSpec,
  run: (input: Input, options: Options) => Promise<void>,
): void {
  command.summary(spec.summary).description([spec.summary, spec.description].filter(Boolean).join(".\n"));
  for (const { name, description, required, many } of spec.args) {
    const word = many === true ? `${name}...` : name;
    command.addArgument(new Argument(required ? `<${word}>` : `[${word}]`, description));
  }
  const shared = [...(spec.noJson === true ? [] : [OPTIONS.json]), OPTIONS.profile];
  const options = [...spec.options, ...shared];
  for (const option of options) for (const made of optionsOf(option)) command.addOption(made);
  command.action(async () => {
    const values = command.opts<Options>();
    const typed = Object.fromEntries(
      options.map(({ name }) => [name, values[new Option(`--${name}`).attributeName()]]),
    );
    const args = Object.fromEntries(
      spec.args.map(({ name }, index) => [
        name,
        command.processedArgs[index] as string | string[] | undefined,
      ]),
    );
    await run({ args, options: typed }, typed);
  });
}

function optionsOf({ name, value, many, short, choices, description }: OptionSpec): Option[] {
  const flags = `${short === undefined ? "" : `-${short}, `}--${name}`;
  if (value === undefined) return [new Option(flags, description), new Option(`--no-${name}`).hideHelp()];
  const words = choices === undefined ? "" : ` [${choices.join(", ")}]`;
  const option = new Option(`${flags} <${value}>`, `${description}${words}`.trim());
  return [
    many === true
      ? option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text])
      : option,
  ];
}

function sessionOf(io: Io, options: Options): Session {
  const profile = typeof options.profile === "string" ? options.profile : undefined;
  let client: ReturnType<typeof createClient> | undefined;
  return {
    io,
    json: options.json === true,
    profile,
    client() {
      if (client !== undefined) return client;
      const warning = exposure(io.env);
      if (warning !== undefined) io.err(`Warning: ${warning}\n`);
      client = createClient({
        access: access(io.env, profile),
        userAgent: `tenantry-cli/${version()}`,
        onRetry: (why, waitMs) => {
          if (waitMs >= TOLD_WAIT_MS)
            io.err(`${why.split("\n")[0]} Trying again in ${Math.ceil(waitMs / 1_000)} s.\n`);
        },
      });
      return client;
    },
  };
}

/** Shorter waits are nobody's concern. */
const TOLD_WAIT_MS = 1_000;
