/**
 * Values as resource types see them: JSON, plus `UNKNOWN` for what a preview cannot know yet. Secrets are unwrapped
 * before a type sees them and marked again afterwards, so a type never handles the wire format.
 */

/** Stands for a value that is only known once another resource exists. Reaches `check`, `defaults` and diffs only. */
export const UNKNOWN: unique symbol = Symbol("unknown");

export type Value = null | boolean | number | string | typeof UNKNOWN | readonly Value[] | Properties;

/** Absent and undefined mean the same; undefined never reaches the store or the wire. */
export interface Properties {
  readonly [key: string]: Value | undefined;
}

/** How Pulumi marks assets, archives, secrets and resource references inside ordinary objects. */
export const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";

export function isObject(value: Value | undefined): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** The string at `key`, or undefined when it is absent, unknown or something else. */
export function text(properties: Properties, key: string): string | undefined {
  const value = properties[key];
  return typeof value === "string" ? value : undefined;
}

export function count(properties: Properties, key: string): number | undefined {
  const value = properties[key];
  return typeof value === "number" ? value : undefined;
}

export function flag(properties: Properties, key: string): boolean | undefined {
  const value = properties[key];
  return typeof value === "boolean" ? value : undefined;
}

export function object(properties: Properties, key: string): Properties | undefined {
  const value = properties[key];
  return isObject(value) ? value : undefined;
}

export function list(properties: Properties, key: string): readonly Value[] {
  const value = properties[key];
  return isList(value) ? value : [];
}

export function objects(properties: Properties, key: string): readonly Properties[] {
  return list(properties, key).filter(isObject);
}

export function texts(properties: Properties, key: string): readonly string[] {
  return list(properties, key).filter((value) => typeof value === "string");
}

export function hasUnknown(value: Value | undefined): boolean {
  if (value === UNKNOWN) return true;
  if (isList(value)) return value.some(hasUnknown);
  if (isObject(value)) return Object.values(value).some(hasUnknown);
  return false;
}

/** Without undefined members, at every depth. */
export function prune(properties: Properties): Properties {
  const entries = Object.entries(properties).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([key, value]) => [key, pruneValue(value)]));
}

function pruneValue(value: Value | undefined): Value | undefined {
  if (isList(value)) return value.map((item) => pruneValue(item) ?? null);
  return isObject(value) ? prune(value) : value;
}

export function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (isList(a) && isList(b)) {
    return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].every((key) => equal(a[key], b[key]));
  }
  return false;
}
