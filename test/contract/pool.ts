import type { Random } from "./random.ts";

/**
 * What the service has told so far, by the name it goes by, so that requests ask for things that are there. Names are the
 * document's own: `tenantId` of an answer fills `{tenantId}` of a path, `number` from /releases fills `{releaseNumber}`.
 */
export interface Pool {
  harvest(path: string, answer: unknown): void;
  pick(name: string, random: Random): string | number | undefined;
  /** A cursor that some list has given. */
  names(): string[];
}

const KEPT = 12;

/** `never` is kept out: the driver's own key must not be revoked by the driver. */
export function createPool(never: readonly unknown[]): Pool {
  const known = new Map<string, (string | number)[]>();
  const add = (name: string, value: string | number) => {
    if (never.includes(value) || value === "") return;
    const values = known.get(name) ?? [];
    if (!values.includes(value)) known.set(name, [value, ...values].slice(0, KEPT));
  };
  const walk = (noun: string, value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 6) return;
    if (Array.isArray(value)) {
      for (const item of value.slice(0, KEPT)) walk(noun, item, depth + 1);
      return;
    }
    for (const [name, member] of Object.entries(value)) {
      if (typeof member === "string" || typeof member === "number") {
        add(name, member);
        add(`${noun}${name.charAt(0).toUpperCase()}${name.slice(1)}`, member);
      } else walk(noun, member, depth + 1);
    }
  };
  return {
    harvest(path, answer) {
      const nouns = path.split("/").filter((part) => part !== "" && !part.startsWith("{"));
      walk(singular(nouns.at(-1) ?? ""), answer, 0);
    },
    pick(name, random) {
      const values = known.get(name);
      return values === undefined ? undefined : random.pick(values);
    },
    names: () => [...known.keys()],
  };
}

function singular(noun: string): string {
  return noun
    .replace(/ies$/, "y")
    .replace(/s$/, "")
    .replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
