import { stripVTControlCharacters, styleText } from "node:util";

/** The terminal as a value, so that what is shown can be tested for any width, with and without one. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Columns of the terminal; unlimited when the output goes elsewhere. */
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  out(text: string): void;
  err(text: string): void;
}

const DEFAULT_ROWS = 24;
const DEFAULT_COLUMNS = 80;

export function processIo(): Io {
  const { env, stdin, stdout, stderr } = process;
  const plain = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  return {
    env,
    stdinIsTerminal: stdin.isTTY === true,
    stdoutIsTerminal: stdout.isTTY === true,
    stderrIsTerminal: stderr.isTTY === true,
    get columns() {
      return stdout.isTTY === true ? stdout.columns || DEFAULT_COLUMNS : Number.POSITIVE_INFINITY;
    },
    get rows() {
      return stdout.rows || DEFAULT_ROWS;
    },
    colour: stdout.isTTY === true && !plain,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
  };
}

export type Tone = "good" | "bad" | "busy" | "faint" | "strong";
const STYLES = { good: "green", bad: "red", busy: "yellow", faint: "dim", strong: "bold" } as const;

export function paint({ colour }: Pick<Io, "colour">, tone: Tone | undefined, text: string): string {
  if (!colour || tone === undefined || text === "") return text;
  return styleText(STYLES[tone], text, { validateStream: false });
}

/** What a service or a provider sent may hold sequences that move a cursor or change a window's title; shown, it may not. */
export function harmless(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]+/gu, " ");
}
