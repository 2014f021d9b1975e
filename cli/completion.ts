import { commandsOf, nouns } from "./commands/catalog.ts";
import { type CommandSpec, OPTIONS, type OptionSpec } from "./commands/spec.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * What could follow, for the shell to offer: the words typed after `tenantry`, the last of them unfinished. The shells' scripts only
 * ask; so they know each command of the version that is installed, and nobody has to make them anew.
 */
export async function candidates(words: readonly string[]): Promise<string[]> {
  const [noun = "", verb = "", ...rest] = words;
  const last = words.at(-1) ?? "";
  if (words.length <= 1) return fitting([...nouns(), ...TOP], last);
  if (noun === "completion") return fitting(SHELLS, last);
  const specs = await commandsOf(noun);
  const single = specs.find((spec) => spec.verb === "");
  if (words.length === 2 && single === undefined)
    return fitting(
      specs.map((spec) => spec.verb),
      last,
    );
  const spec = single ?? specs.find((one) => one.verb === verb);
  return spec === undefined ? [] : fitting(ofCommand(spec, rest.at(-2) ?? ""), last);
}

const TOP = ["completion", "help", "--help", "--version"];

function ofCommand(spec: CommandSpec, before: string): string[] {
  const options: readonly OptionSpec[] = [
    ...spec.options,
    ...(spec.noJson === true ? [] : [OPTIONS.json]),
    OPTIONS.profile,
    { name: "help", description: "" },
  ];
  const open = options.find(
    ({ name, short, value }) => value !== undefined && (before === `--${name}` || before === `-${short}`),
  );
  if (open !== undefined) return [...(open.choices ?? [])];
  return options.map(({ name }) => `--${name}`);
}

function fitting(words: readonly string[], beginning: string): string[] {
  return words.filter((word) => word.startsWith(beginning));
}

/** To be read by the shell: `source <(tenantry completion bash)`. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_tenantry() {
  local IFS=$'\\n'
  COMPREPLY=($(tenantry __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _tenantry tenantry
`,
  zsh: `#compdef tenantry
_tenantry() {
  local -a offered
  offered=("\${(@f)$(tenantry __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  (( \${#offered} )) && [[ -n "\${offered[1]}" ]] && compadd -a offered || _files
}
compdef _tenantry tenantry
`,
  fish: `function __tenantry_offered
  set -l words (commandline -opc) (commandline -ct)
  tenantry __complete $words[2..-1] 2>/dev/null
end
complete -c tenantry -a '(__tenantry_offered)'
`,
};
