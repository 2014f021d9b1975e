/** What the demo prints: numbered steps that say what they show, aligned rows, and nothing of it in `--json` mode but on stderr. */

const colour = process.stderr.isTTY && process.env.NO_COLOR === undefined;
const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

export const bold = paint(1);
export const dim = paint(2);
export const green = paint(32);
export const red = paint(31);

const startedAtMs = Date.now();
let stepNumber = 0;

function write(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Seconds since the demo began, one decimal. */
export function elapsedSeconds(): number {
  return Math.round((Date.now() - startedAtMs) / 100) / 10;
}

export function step(title: string, shows: string): void {
  stepNumber += 1;
  write("");
  write(`${bold(`${stepNumber}. ${title}`)}  ${dim(`${elapsedSeconds()} s`)}`);
  write(`   ${dim(shows)}`);
}

export function line(text: string): void {
  write(`   ${text}`);
}

/** Throws when `holds` is false: a demo that only looks right proves nothing. */
export function check(holds: boolean, claim: string, otherwise = ""): void {
  write(
    `   ${holds ? green("ok") : red("NOT SO")}  ${claim}${holds || otherwise === "" ? "" : ` (${otherwise})`}`,
  );
  if (!holds)
    throw new Error(`Cannot go on: this must hold: ${claim}${otherwise === "" ? "" : `, got ${otherwise}`}`);
}

/** Rows under a header, each column as wide as its widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const format = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  line(dim(format(header)));
  for (const row of rows) line(format(row));
}
