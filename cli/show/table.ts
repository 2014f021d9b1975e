import stringWidth from "string-width";
import { harmless, type Io, paint, type Tone } from "../io.ts";

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => unknown;
  readonly tone?: (row: T) => Tone | undefined;
  readonly alignRight?: boolean;
  /** Never shortened: what somebody will copy, such as an id. */
  readonly whole?: boolean;
}

const GAP = "  ";
const SHORTEST = 8;
const segments = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * Rows under a header, each column as wide as its widest cell, never wider than the terminal: what is too long ends
 * with an ellipsis. Without a terminal nothing is shortened.
 */
export function tableText<T>(
  { columns: terminal, colour }: Pick<Io, "columns" | "colour">,
  all: readonly Column<T>[],
  rows: readonly T[],
): string {
  const allCells = rows.map((row) => all.map(({ value }) => cellText(value(row))));
  const natural = all.map(({ title }, index) =>
    Math.max(stringWidth(title), ...allCells.map((line) => stringWidth(line[index] ?? ""))),
  );
  const widths = fitted(natural, all, terminal);
  const columns = all.slice(0, widths.length);
  const line = (texts: readonly string[], tones: readonly (Tone | undefined)[]) =>
    columns
      .map(({ alignRight }, index) => {
        const last = index === columns.length - 1 && alignRight !== true;
        const short = shortened(texts[index] ?? "", widths[index] ?? 0);
        const padding = last ? "" : " ".repeat(Math.max(0, (widths[index] ?? 0) - stringWidth(short)));
        const shown = paint({ colour }, tones[index], short);
        return alignRight === true ? padding + shown : shown + padding;
      })
      .join(GAP)
      .trimEnd();
  const header = line(
    columns.map(({ title }) => title),
    columns.map(() => "faint"),
  );
  const body = rows.map((row, index) =>
    line(
      allCells[index] ?? [],
      columns.map(({ tone }) => tone?.(row)),
    ),
  );
  return `${[header, ...body].join("\n")}\n`;
}

/**
 * Takes from the widest column that may be shortened until the line fits; then from ids but for the first, by which a row
 * is named; then leaves out columns from the end. Two always stay.
 */
function fitted<T>(natural: readonly number[], columns: readonly Column<T>[], terminal: number): number[] {
  const widths = [...natural];
  const over = () => widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - terminal;
  const named = columns.findIndex(({ whole }) => whole === true);
  const shrink = (mayShrink: (index: number) => boolean) => {
    while (over() > 0) {
      const candidates = widths.map((width, index) => (width > SHORTEST && mayShrink(index) ? width : 0));
      const widest = Math.max(...candidates);
      if (widest === 0) return;
      widths[candidates.indexOf(widest)] = widest - 1;
    }
  };
  shrink((index) => columns[index]?.whole !== true);
  shrink((index) => index !== named);
  while (over() > 0 && widths.length > 2) widths.pop();
  return widths;
}

export function shortened(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  for (const { segment } of segments.segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

export function cellText(value: unknown): string {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "string") return harmless(value);
  if (Array.isArray(value)) return value.length === 0 ? "-" : harmless(value.map(String).join(","));
  return harmless(typeof value === "object" ? JSON.stringify(value) : String(value));
}
