import { Argument, Command, CommanderError, Option } from "commander";
import { createClient } from "./api/client.ts";
import { commandsOf, NOUNS, nouns } from "./commands/catalog.ts";
import { type CommandSpec, type Input, OPTIONS, type OptionSpec, type Session } from "./commands/spec.ts";
import { EXIT, type ExitCode, Failure } from "./exit.ts";
import type { Io } from "./io.ts";
import { access, exposure } from "./settings/profiles.ts";

const AFTER = `
Where the service is and which key opens it: TENANTRY_URL and TENANTRY_API_KEY, or \`tenantry profile set\`.
Exit codes: 0 done, 1 failed, 2 drift or differences, 3 incomplete, 64 usage, 69 unreachable, 77 denied.
`;

/** Parses the command line with the commands of one noun, and runs the one that was named. */
export async function runProgram(argv: readonly string[], io: Io, version: string): Promise<ExitCode> {
  const program = quiet(new Command("tenantry"), io)
    .description("The command line of Tenantry, a control plane for tenants.")
    .version(version, "-V, --version")
    .addHelpText("after", AFTER);
  let code: ExitCode = EXIT.done;
  const named = argv.filter((word) => !word.startsWith("-") && word !== "help")[0];
  for (const noun of nouns()) {
    const group = quiet(program.command(noun), io).description(NOUNS[noun] ?? "");
    if (noun !== named) continue;
    for (const spec of await commandsOf(noun))
      addCommand(group, spec, io, async (input, options) => {
        const session = sessionOf(io, options, version);
        code = await spec.run(input, session).catch((thrown: unknown) => {
          throw spec.plainExit === true ? plain(thrown) : thrown;
        });
      });
  }
  if (argv.length === 0) {
    program.outputHelp();
    return EXIT.done;
  }
  try {
    await program.parseAsync(argv as string[], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  return code;
}

function quiet(command: Command, io: Io): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureHelp({ helpWidth: Number.isFinite(io.columns) ? io.columns : 100 });
}

function plain(thrown: unknown): unknown {
  if (!(thrown instanceof Failure)) return thrown;
  return new Failure(EXIT.failed, thrown.message, { cause: thrown, problem: thrown.problem });
}

type Options = Record<string, string | boolean | string[] | undefined>;

function addCommand(
  group: Command,
  spec: CommandSpec,
  io: Io,
  run: (input: Input, options: Options) => Promise<void>,
): void {
  const command = quiet(group.command(spec.verb), io).summary(spec.summary);
  command.description([spec.summary, spec.description].filter(Boolean).join(".\n"));
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

function sessionOf(io: Io, options: Options, version: string): Session {
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
        userAgent: `tenantry-cli/${version}`,
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
