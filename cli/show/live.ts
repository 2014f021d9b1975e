import { type Io, paint } from "../io.ts";
import { shortened } from "./table.ts";

/**
 * Lines at the bottom of a terminal that are drawn anew in place, on standard error so that standard output stays what
 * was asked for. Without a terminal nothing is drawn; `say` still prints.
 */
export interface Live {
  /** A line that stays, above those that are drawn anew; by `write`, on standard error when left out. */
  say(line: string, write?: (text: string) => void): void;
  draw(lines: readonly string[]): void;
  /** Takes the drawn lines away. */
  end(): void;
}

export function createLive(io: Io): Live {
  let drawn = 0;
  const clear = () => {
    if (drawn > 0) io.err(`\u001b[${drawn}F\u001b[0J`);
    drawn = 0;
  };
  let last: readonly string[] = [];
  const draw = (lines: readonly string[]) => {
    last = lines;
    if (!io.stderrIsTerminal) return;
    clear();
    const most = Math.max(1, io.rows - 2);
    const shown = lines.slice(0, most).map((line) => shortened(line, io.columns - 1));
    const left = lines.length - shown.length;
    const all = left > 0 ? [...shown.slice(0, -1), `… and ${left + 1} more`] : shown;
    io.err(all.map((line) => `${line}\n`).join(""));
    drawn = all.length;
  };
  return {
    draw,
    say(line, write = io.err) {
      clear();
      write(`${line}\n`);
      if (last.length > 0) draw(last);
    },
    end() {
      clear();
      last = [];
    },
  };
}

const BAR_CHARS = 24;

/** `██████░░░░░░ 5/10`, with what failed in red at its end. */
export function bar(io: Pick<Io, "colour">, done: number, failed: number, total: number): string {
  const part = (count: number) => (total === 0 ? 0 : Math.round((count / total) * BAR_CHARS));
  const bad = failed === 0 ? 0 : Math.max(1, part(failed));
  const good = Math.min(part(done - failed), BAR_CHARS - bad);
  const rest = Math.max(0, BAR_CHARS - good - bad);
  const blocks = [paint(io, "good", "█".repeat(good)), paint(io, "bad", "█".repeat(bad)), "░".repeat(rest)];
  return `${blocks.join("")} ${done}/${total}`;
}
