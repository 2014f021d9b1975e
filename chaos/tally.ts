import { VICTIMS, type Victim } from "./plan.ts";

/**
 * Which step kinds (stepKinds.ts) have been met by which kills. Every one of the list that the tally began with is wanted until it was
 * hit so often.
 */
export interface Tally {
  hit(victim: Victim, steps: readonly string[]): void;
  hits(step: string): number;
  isWanted(step: string): boolean;
  /** Step kinds of the list hit fewer times than they are wanted. */
  wanted(): string[];
  /** Hits that are missing still, of all or of those step kinds. */
  missing(of?: (step: string) => boolean): number;
  /** A table of step kinds and victims, for people. */
  table(): string[];
}

/** Every step kind is to be hit so often. */
export const WANTED_HITS = 3;

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
    isWanted: (step) => hits(step) < WANTED_HITS && steps.includes(step),
    wanted: () => steps.filter((step) => hits(step) < WANTED_HITS),
    missing: (of = () => true) => sum(steps.filter(of).map((step) => Math.max(0, WANTED_HITS - hits(step)))),
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
