/** Told to the person who watches, on standard error; and what must never happen, kept for the end. */
export interface Ledger {
  say(text: string): void;
  /** Something that must not be. The same words count once. */
  violation(text: string): void;
  readonly violations: readonly string[];
}

const LONGEST_LINE = 300;

export function createLedger(): Ledger {
  const startedAtMs = Date.now();
  const violations: string[] = [];
  const say = (text: string) => {
    const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1).padStart(7);
    process.stderr.write(
      `${seconds} s  ${text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)} …` : text}\n`,
    );
  };
  return {
    say,
    violations,
    violation(text) {
      if (violations.includes(text)) return;
      violations.push(text);
      say(`VIOLATION: ${text}`);
    },
  };
}
