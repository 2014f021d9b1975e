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
 * Rows under a header, each column as wide as its widest cell, never wider than the terminal: the widest columns that may be
 * shortened are, at the end and with an ellipsis. Without a terminal nothing is shortened.
 */
export function tableText<T>(
  { columns: terminal, colour }: Pick<Io, "columns" | "colour">,
  columns: readonly Column<T>[],
  rows: readonly T[],
): string {
  const cells = rows.map((row) => columns.map(({ value }) => cellText(value(row))));
  const natural = columns.map(({ title }, index) =>
    Math.max(stringWidth(title), ...cells.map((line) => stringWidth(line[index] ?? ""))),
  );
  const widths = fitted(
    natural,
    columns.map(({ whole }) => whole === true),
    terminal,
  );
  const line = (texts: readonly string[], tones: readonly (Tone | undefined)[]) =>
    texts
      .map((text, index) => {
        const { alignRight } = columns[index] ?? {};
        const last = index === texts.length - 1 && alignRight !== true;
        const short = shortened(text, widths[index] ?? 0);
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
      cells[index] ?? [],
      columns.map(({ tone }) => tone?.(row)),
    ),
  );
  return `${[header, ...body].join("\n")}\n`;
}

/** Takes from the widest column that may be shortened until the line fits, or none is left to take from. */
function fitted(natural: readonly number[], whole: readonly boolean[], terminal: number): number[] {
  const widths = [...natural];
  if (!Number.isFinite(terminal)) return widths;
  let over = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - terminal;
  while (over > 0) {
    const candidates = widths.map((width, index) => (whole[index] || width <= SHORTEST ? 0 : width));
    const widest = Math.max(...candidates);
    if (widest === 0) return widths;
    widths[candidates.indexOf(widest)] = widest - 1;
    over -= 1;
  }
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
