/** Pulumi's property paths (`tags.owner`, `ingress[0].cidr`, `tags["a.b"]`) over plain JSON. Pure. */
import type { DriftProperty } from "./engine.ts";

/** Deeper differences are told at this depth as a whole. */
const MAX_DEPTH = 12;

export function parsePath(path: string): readonly (string | number)[] {
  const parts: (string | number)[] = [];
  for (const match of path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\[?([^.[\]]+)\]?/g)) {
    const [, quoted, index, name] = match;
    if (quoted !== undefined) parts.push(quoted.replace(/\\(.)/g, "$1"));
    else if (index !== undefined) parts.push(Number(index));
    else if (name !== undefined) parts.push(name);
  }
  return parts;
}

export function joinPath(parent: string, key: string | number): string {
  if (typeof key === "number") return `${parent}[${key}]`;
  if (!/^[^.[\]"]+$/.test(key)) return `${parent}["${key.replace(/["\\]/g, "\\$&")}"]`;
  return parent === "" ? key : `${parent}.${key}`;
}

export function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const part of parsePath(path)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

/** Whether a path is what a pattern names, or below it; `*` in a pattern stands for any one key or index. */
export function isWithin(path: string, pattern: string): boolean {
  const [parts, wanted] = [parsePath(path), parsePath(pattern)];
  return (
    wanted.length <= parts.length && wanted.every((part, index) => part === "*" || part === parts[index])
  );
}

/** Keys Pulumi and bridged providers keep for themselves. */
const isInternal = (key: string) => key.startsWith("__");

export function differences(recorded: unknown, actual: unknown, path = "", depth = 0): DriftProperty[] {
  if (JSON.stringify(recorded) === JSON.stringify(actual)) return [];
  if (depth < MAX_DEPTH && isContainer(recorded) && isContainer(actual)) {
    if (Array.isArray(recorded) === Array.isArray(actual)) {
      const keys = [...new Set([...Object.keys(recorded), ...Object.keys(actual)])].filter(
        (key) => !isInternal(key),
      );
      return keys.flatMap((key) =>
        differences(
          recorded[key],
          actual[key],
          joinPath(path, Array.isArray(recorded) ? Number(key) : key),
          depth + 1,
        ),
      );
    }
  }
  return [{ path, ...(recorded !== undefined && { recorded }), ...(actual !== undefined && { actual }) }];
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
