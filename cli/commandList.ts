import { allCommands, NOUNS } from "./commands/catalog.ts";
import type { CommandSpec } from "./commands/spec.ts";

const BEGIN = "<!-- commands: written by `npm run contract` -->";
const END = "<!-- end of commands -->";

/** docs/cli.md with its list of commands made anew. */
export async function withCommandList(page: string): Promise<string> {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`docs/cli.md must hold ${BEGIN} and ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${await commandList()}\n${page.slice(to)}`;
}

async function commandList(): Promise<string> {
  const byNoun = Map.groupBy(await allCommands(), ({ noun }) => noun);
  return [...byNoun].map(([noun, commands]) => section(noun, commands)).join("\n");
}

function section(noun: string, commands: readonly CommandSpec[]): string {
  const rows = commands.map((command) => `| \`${usage(command)}\` | ${cell(command.summary)} |`);
  return [
    `### ${noun}`,
    "",
    `${NOUNS[noun] ?? noun}.`,
    "",
    "| command | what it does |",
    "|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function usage({ noun, verb, args }: CommandSpec): string {
  const words = args.map(({ name, required, many }) => {
    const word = `${name}${many === true ? "..." : ""}`;
    return required ? `<${word}>` : `[${word}]`;
  });
  return ["tenantry", noun, verb, ...words].filter((word) => word !== "").join(" ");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
