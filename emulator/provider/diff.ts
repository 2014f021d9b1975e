/** The difference between two sets of inputs, per property path, and whether it replaces. Pure. */
import type { Properties, ResourceType, Value } from "../resourceType.ts";
import { equal, isList, isObject, UNKNOWN } from "../values.ts";
import { DEFAULTS_KEY, keepsChosenName, withoutBookkeeping } from "./inputs.ts";

export type ChangeKind = "add" | "update" | "delete";

export interface PropertyChange {
  readonly path: readonly (string | number)[];
  readonly kind: ChangeKind;
  readonly replaces: boolean;
}

export interface ResourceDiff {
  readonly changes: readonly PropertyChange[];
  readonly deleteBeforeReplace: boolean;
}

type Path = readonly (string | number)[];

interface Found {
  readonly path: Path;
  readonly kind: ChangeKind;
  readonly old: Value | undefined;
  readonly new: Value | undefined;
}

export function diffInputs(
  type: ResourceType,
  oldInputs: Properties,
  newInputs: Properties,
  ignoreChanges: readonly string[] = [],
): ResourceDiff {
  const ignored = ignoreChanges.map(parsePath);
  const found = walkObject(type, [], without(oldInputs), without(newInputs)).filter(
    (change) => !ignored.some((path) => startsWith(change.path, path)),
  );
  const always = [...type.replaceOn, ...(type.scope === "global" ? [] : ["region"])].map(parsePath);
  const sometimes =
    found.length === 0
      ? []
      : (type.replaceWhen?.(withoutBookkeeping(oldInputs), withoutBookkeeping(newInputs)) ?? []).map(
          parsePath,
        );
  const replacing = [...always, ...sometimes];
  const changes = found.map((change) => ({
    path: change.path,
    kind: change.kind,
    replaces: replacing.some((pattern) => touches(change, pattern)),
  }));
  return {
    changes,
    deleteBeforeReplace:
      changes.some((change) => change.replaces) &&
      (type.deleteBeforeReplace ?? keepsChosenName(type, oldInputs, newInputs)),
  };
}

function without(inputs: Properties): Properties {
  const { [DEFAULTS_KEY]: _, ...rest } = inputs;
  return rest;
}

function walkObject(type: ResourceType, path: Path, old: Properties, next: Properties): Found[] {
  const keys = new Set([...Object.keys(old), ...Object.keys(next)]);
  return [...keys].flatMap((key) => walk(type, [...path, key], old[key], next[key]));
}

function walk(type: ResourceType, path: Path, old: Value | undefined, next: Value | undefined): Found[] {
  if (absent(old) && absent(next)) return [];
  if (absent(old)) return [{ path, kind: "add", old: undefined, new: next }];
  if (absent(next)) return [{ path, kind: "delete", old, new: undefined }];
  if (next !== UNKNOWN && sameMeaning(type, path, old, next)) return [];
  if (isObject(old) && isObject(next)) return walkObject(type, path, old, next);
  if (isList(old) && isList(next) && !isUnordered(type, path)) {
    const length = Math.max(old.length, next.length);
    return Array.from({ length }, (_, index) => index).flatMap((index) =>
      walk(type, [...path, index], old[index], next[index]),
    );
  }
  return [{ path, kind: "update", old, new: next }];
}

/** Null and absent mean the same to the provider. */
function absent(value: Value | undefined): value is undefined | null {
  return value === undefined || value === null;
}

function isUnordered(type: ResourceType, path: Path): boolean {
  return (type.unordered ?? []).some((pattern) => matches(path, parsePath(pattern)));
}

export function sameMeaning(type: ResourceType, path: Path, old: Value, next: Value): boolean {
  if (isList(old) && isList(next) && isUnordered(type, path)) {
    return equal(sorted(old), sorted(next));
  }
  if (typeof old === "string" && typeof next === "string" && old !== next) {
    const json = (type.json ?? []).some((pattern) => matches(path, parsePath(pattern)));
    return json && equal(parsedJson(old), parsedJson(next));
  }
  return equal(old, next);
}

function sorted(values: readonly Value[]): readonly Value[] {
  const key = (value: Value) => (value === UNKNOWN ? "" : JSON.stringify(value));
  return [...values].sort((a, b) => key(a).localeCompare(key(b)));
}

function parsedJson(value: string): Value {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Whether a change lies on, below or above a replacing path (above: when the replacing part itself changed). */
function touches(change: Found, pattern: Path): boolean {
  if (startsWith(change.path, pattern)) return true;
  if (!startsWith(pattern, change.path)) return false;
  const rest = pattern.slice(change.path.length);
  return !equal(at(change.old, rest), at(change.new, rest));
}

function at(value: Value | undefined, path: Path): Value | undefined {
  return path.reduce<Value | undefined>((current, segment) => {
    if (isList(current)) return segment === "*" ? current : current[Number(segment)];
    return isObject(current) ? current[segment] : current === UNKNOWN ? UNKNOWN : undefined;
  }, value);
}

function sameSegment(a: string | number | undefined, b: string | number | undefined): boolean {
  return a === b || a === "*" || b === "*";
}

function startsWith(path: Path, prefix: Path): boolean {
  return path.length >= prefix.length && prefix.every((segment, index) => sameSegment(path[index], segment));
}

function matches(path: Path, pattern: Path): boolean {
  return path.length === pattern.length && startsWith(path, pattern);
}

/** `a.b[0]["c.d"]`, with `[*]` for any element. */
export function parsePath(text: string): (string | number)[] {
  const segments: (string | number)[] = [];
  for (const [, quoted, index, name] of text.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.[\]]+)/g)) {
    if (quoted !== undefined) segments.push(quoted.replaceAll('\\"', '"'));
    else if (index !== undefined) segments.push(index === "*" ? "*" : Number(index));
    else if (name !== undefined) segments.push(name);
  }
  return segments;
}

export function formatPath(path: Path): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === "number") return `${text}[${segment}]`;
    if (/[.[\]"]/.test(segment)) return `${text}["${segment.replaceAll('"', '\\"')}"]`;
    return text === "" ? segment : `${text}.${segment}`;
  }, "");
}
