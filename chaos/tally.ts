import { VICTIMS, type Victim } from "./plan.ts";

/**
 * Which step kinds have been met by which kills. A step kind is `<operation kind>/<step>`. What is not in the list that the
 * tally began with, such as the undoing of a step, is counted as it comes, but nothing waits for it.
 */
export interface Tally {
  hit(victim: Victim, steps: readonly string[]): void;
  hits(step: string): number;
  /** Of the least hit step kind. */
  readonly least: number;
  /** Step kinds of the list hit fewer times than that. */
  below(times: number): string[];
  /** A table of step kinds and victims, for people. */
  table(): string[];
}

export function createTally(steps: readonly string[]): Tally {
  const counts = new Map<string, Map<Victim, number>>(steps.map((step) => [step, new Map()]));
  const kills = new Map<Victim, number>();
  const hits = (step: string) =>
    [...(counts.get(step)?.values() ?? [])].reduce((sum, count) => sum + count, 0);
  const add = (map: Map<Victim, number>, victim: Victim) => map.set(victim, (map.get(victim) ?? 0) + 1);
  return {
    hit(victim, met) {
      add(kills, victim);
      for (const step of met) {
        const row = counts.get(step) ?? new Map<Victim, number>();
        counts.set(step, row);
        add(row, victim);
      }
    },
    hits,
    get least() {
      return Math.min(...steps.map(hits));
    },
    below: (times) => steps.filter((step) => hits(step) < times),
    table() {
      const used = VICTIMS.filter((victim) => kills.has(victim));
      const rows = [...counts].sort(([a], [b]) => a.localeCompare(b));
      const line = (name: string, cells: readonly (string | number)[]) =>
        `| ${name} | ${cells.join(" | ")} |`;
      return [
        line("step", [...used, "sum"]),
        line(
          "---",
          [...used, "sum"].map(() => "---:"),
        ),
        ...rows.map(([step, row]) => line(step, [...used.map((victim) => row.get(victim) ?? 0), hits(step)])),
        line("kills", [...used.map((victim) => kills.get(victim) ?? 0), sum(kills.values())]),
      ];
    },
  };
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
