import type { Random } from "../../chaos/random.ts";

/**
 * What the service has told so far, by the name it goes by, so that requests ask for things that are there. Names are the
 * document's own: `tenantId` of an answer fills `{tenantId}` of a path, `number` from /releases fills `{releaseNumber}`. What was
 * told together stays together: a tenant's contact is asked for under that tenant.
 */
export interface Pool {
  /** `params`: of the path that was answered. */
  harvest(path: string, params: Readonly<Record<string, string>>, answer: unknown): void;
  pick(name: string, random: Random): string | number | undefined;
  /** Values that were told together, one for each parameter of the path; rather by a path that begins like it. */
  together(wanted: Wanted, random: Random): Readonly<Record<string, string>> | undefined;
}

export interface Wanted {
  readonly path: string;
  readonly names: readonly string[];
  fits(name: string, value: string | number): boolean;
}

interface Told {
  readonly path: string;
  readonly known: Known;
}

type Known = Readonly<Record<string, string | number>>;

const VALUES_KEPT = 12;
const RECORDS_KEPT = 4_000;
const DEEPEST = 6;

/** `never` is kept out: such as the driver's own key, which must not be revoked by the driver. */
export function createPool(never: readonly unknown[]): Pool {
  const values = new Map<string, (string | number)[]>();
  const records: Told[] = [];
  const add = (name: string, value: string | number) => {
    const known = values.get(name) ?? [];
    if (!known.includes(value)) values.set(name, [value, ...known].slice(0, VALUES_KEPT));
  };
  const walk = (path: string, noun: string, around: Known, value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > DEEPEST) return;
    if (Array.isArray(value)) {
      for (const item of value.slice(0, VALUES_KEPT)) walk(path, noun, around, item, depth + 1);
      return;
    }
    const own = scalarsOf(noun, value, never);
    for (const [name, member] of Object.entries(own)) add(name, member);
    const known = { ...around, ...own };
    records.unshift({ path, known });
    for (const member of Object.values(value)) walk(path, noun, known, member, depth + 1);
  };
  return {
    harvest(path, params, answer) {
      const nouns = path.split("/").filter((part) => part !== "" && !part.startsWith("{"));
      walk(path, singular(nouns.at(-1) ?? ""), params, answer, 0);
      records.splice(RECORDS_KEPT);
    },
    pick(name, random) {
      const known = values.get(name);
      return known === undefined ? undefined : random.pick(known);
    },
    together({ path, names, fits }, random) {
      const whole = records.filter(({ known }) =>
        names.every((name) => Object.hasOwn(known, name) && fits(name, known[name] ?? "")),
      );
      const nearest = Math.max(0, ...whole.map((told) => alike(told.path, path)));
      const near = whole.filter((told) => alike(told.path, path) === nearest).slice(0, VALUES_KEPT);
      if (near.length === 0) return undefined;
      const { known } = random.pick(near);
      return Object.fromEntries(names.map((name) => [name, String(known[name])]));
    },
  };
}

/** How many parts of the paths are the same from the beginning on. */
function alike(one: string, other: string): number {
  const [left, right] = [one.split("/"), other.split("/")];
  const end = left.findIndex((part, place) => part !== right[place]);
  return end < 0 ? left.length : end;
}

function scalarsOf(noun: string, value: object, never: readonly unknown[]): Known {
  const found: Record<string, string | number> = {};
  for (const [name, member] of Object.entries(value)) {
    if ((typeof member !== "string" && typeof member !== "number") || member === "") continue;
    if (never.includes(member)) continue;
    found[name] = member;
    found[`${noun}${name.charAt(0).toUpperCase()}${name.slice(1)}`] ??= member;
  }
  return found;
}

function singular(noun: string): string {
  return noun
    .replace(/ies$/, "y")
    .replace(/s$/, "")
    .replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
