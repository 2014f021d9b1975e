import fc from "fast-check";
import type { Random } from "../../chaos/random.ts";
import { type JsonSchema, resolve, schemaNameOf } from "./document.ts";
import type { Pool } from "./pool.ts";

/** Makes values that a schema of the document takes; what refinements ask beyond the schema it cannot know. */
export interface Generator {
  value(schema: JsonSchema, name: string, depth?: number): unknown;
}

const DEEPEST = 5;
/** How often a member that may be left out is sent, and how often something known is named. */
const OPTIONAL = 0.35;
const KNOWN = 0.7;

export function createGenerator(random: Random, pool: Pool): Generator {
  const value = (given: JsonSchema, name: string, depth = 0): unknown => {
    const known = knownValue(given, name);
    if (known !== undefined) return known;
    const schema = resolve(given);
    if (schema.const !== undefined) return schema.const;
    if (schema.enum !== undefined) return random.pick(schema.enum);
    if (schema.example !== undefined && random.chance(0.5)) return schema.example;
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices !== undefined) return value(random.pick(choices), name, depth);
    if (schema.allOf !== undefined) {
      return Object.assign({}, ...schema.allOf.map((one) => value(one, name, depth)));
    }
    const type = typeof schema.type === "object" ? random.pick(schema.type) : schema.type;
    if (type === "object") return object(schema, depth);
    if (type === "array") return list(schema, name, depth);
    if (type === "string") return text(schema, random);
    if (type === "integer" || type === "number") return number(schema, type === "integer");
    if (type === "boolean") return random.chance(0.5);
    return type === "null" ? null : random.pick([1, "any", true, null, {}]);
  };
  const knownValue = (schema: JsonSchema, name: string) => {
    if (!random.chance(KNOWN)) return undefined;
    const type = schemaNameOf(schema) ?? "";
    const names = [name, type.charAt(0).toLowerCase() + type.slice(1)];
    const found = names.map((one) => pool.pick(one, random)).find((one) => one !== undefined);
    return found !== undefined && fits(resolve(schema), found) ? found : undefined;
  };
  const object = (schema: JsonSchema, depth: number) => {
    const made: Record<string, unknown> = {};
    const required = new Set(schema.required ?? []);
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      if (required.has(name) || (depth < DEEPEST && random.chance(OPTIONAL)))
        made[name] = value(member, name, depth + 1);
    }
    const { additionalProperties: more, propertyNames } = schema;
    if (typeof more === "object" && depth < DEEPEST) {
      for (let count = random.whole(3); count > 0; count -= 1) {
        const key = String(value(propertyNames ?? { type: "string" }, "", depth + 1));
        made[key] = value(more, key, depth + 1);
      }
      for (const name of propertyNames?.enum ?? [])
        made[String(name)] ??= value(more, String(name), depth + 1);
    }
    return made;
  };
  const list = (schema: JsonSchema, name: string, depth: number) => {
    const least = schema.minItems ?? 0;
    const count = Math.min(schema.maxItems ?? 3, least + random.whole(depth < DEEPEST ? 3 : 1));
    return Array.from({ length: count }, () => value(schema.items ?? {}, singularOf(name), depth + 1));
  };
  const number = (schema: JsonSchema, whole: boolean) => {
    const least = schema.minimum ?? (schema.exclusiveMinimum ?? -1) + 1;
    const most = Math.min(schema.maximum ?? schema.exclusiveMaximum ?? least + 1_000, 2 ** 40);
    if (random.chance(0.15)) return random.pick([least, most]);
    const spread = least + random.whole(Math.min(most - least, 1_000) + 1);
    return whole ? Math.floor(spread) : spread + (random.chance(0.3) && spread < most ? 0.5 : 0);
  };
  return { value };
}

const singularOf = (name: string) => (name.endsWith("Ids") || name.endsWith("s") ? name.slice(0, -1) : name);

/** Whether a value that is known may stand here; numbers in a path come as text. */
export function fits({ type, pattern, enum: values, format }: JsonSchema, value: string | number): boolean {
  const types = [type].flat();
  if (!types.includes(typeof value) && !(types.includes("integer") && typeof value === "number"))
    return false;
  if (values !== undefined && !values.includes(value)) return false;
  if (format === "uuid" && !/^[0-9a-f-]{36}$/.test(String(value))) return false;
  return pattern === undefined || new RegExp(pattern, "u").test(String(value));
}

const sampled = new Map<string, readonly string[]>();
const WORDS = [
  "a",
  "acme",
  "dev-eu-west-1",
  "tier=gold",
  "app.acme.example",
  "registry.example/iam:1",
  "50%",
];

/** Strings of a pattern come from fast-check; patterns it cannot turn round are tried on a few words. */
function text(schema: JsonSchema, random: Random): string {
  const { pattern, format, minLength = 0, maxLength = 60 } = schema;
  if (format === "uuid") return random.pick(samples("uuid", fc.uuid()));
  if (format === "date-time") {
    return new Date(
      Date.parse("2026-01-01T00:00:00Z") + random.whole(10 * 365 * 86_400) * 1_000,
    ).toISOString();
  }
  const bounds = { minLength, maxLength: Math.min(maxLength, minLength + 40) };
  if (pattern === undefined)
    return random.pick(samples(`${minLength}-${maxLength}`, fc.string({ ...bounds, unit: "grapheme" })));
  const matching = samplesOfPattern(pattern);
  const fitting = matching.filter((one) => one.length >= minLength && one.length <= maxLength);
  return random.pick(fitting.length > 0 ? fitting : matching);
}

function samplesOfPattern(pattern: string): readonly string[] {
  const shape = new RegExp(pattern, "u");
  try {
    return samples(pattern, fc.stringMatching(shape));
  } catch {
    const fitting = WORDS.filter((word) => shape.test(word));
    return fitting.length > 0 ? fitting : WORDS;
  }
}

function samples(name: string, strings: fc.Arbitrary<string>): readonly string[] {
  const made = sampled.get(name) ?? fc.sample(strings, { numRuns: 40, seed: 1 });
  sampled.set(name, made);
  return made;
}
