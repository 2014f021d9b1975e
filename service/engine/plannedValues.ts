/** From a step of a preview to the values that it changes. Pure. */
import type { StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import { maskSecrets } from "./deployment.ts";
import type { PlannedValue } from "./engine.ts";
import { differences, valueAt } from "./propertyPath.ts";
import type { Redactor } from "./redact.ts";

/** What stands for a secret's value (maskSecrets). */
const SECRET = "[secret]";

/** What the engine writes for a value that nobody knows before the run. */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A property that differs in more places is told as a whole. */
const MAX_PLACES = 100;

/**
 * Values of the inputs, or of what the cloud has where the program says the same as before. JSON in a string is read, and members
 * of a list that have names are told by name, so that one setting of a container is one value and not the whole definition.
 */
export function plannedValues(
  step: StepEventMetadata,
  paths: readonly string[],
  redact: Redactor,
): readonly PlannedValue[] {
  // The engine says null where its types say nothing.
  if (step.op === "delete" || !step.new) return [];
  const state = (side: StepEventMetadata["old"]) => ({
    inputs: readable(maskSecrets(side?.inputs ?? {}), redact),
    outputs: readable(maskSecrets(side?.outputs ?? {}), redact),
  });
  const [before, after] = [state(step.old), state(step.new)];
  if (!step.old) return apart({}, after.inputs, "");
  return paths.flatMap((path) => {
    const [old, now] = [valueAt(before.inputs, path), valueAt(after.inputs, path)];
    const sides = [
      [old, now],
      [valueAt(before.outputs, path), now],
      [valueAt(before.outputs, path), valueAt(after.outputs, path)],
    ] as const;
    // A masked secret looks the same on both sides; that it changes is all that may be told.
    const isSecret = JSON.stringify(old)?.includes(SECRET) === true;
    for (const [one, other] of isSecret ? sides.slice(0, 1) : sides) {
      const found = apart(one, other, path);
      if (found.length > 0) return found;
    }
    return [asValue(path, old, now)];
  });
}

function apart(old: unknown, now: unknown, path: string): PlannedValue[] {
  const found = differences(expanded(old), expanded(now), path);
  if (found.length > MAX_PLACES) return [asValue(path, expanded(old), expanded(now))];
  return found.map(({ path: place, recorded, actual }) => asValue(place, recorded, actual));
}

function asValue(path: string, old: unknown, now: unknown): PlannedValue {
  return { path, ...(old !== undefined && { old }), ...(now !== undefined && { new: now }) };
}

/** Without what providers keep for themselves, and without secrets that only their shape tells of. */
function readable(value: unknown, redact: Redactor): unknown {
  if (value === UNKNOWN) return "[computed]";
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((item) => readable(item, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !name.startsWith("__"))
      .map(([name, member]) => [name, readable(member, redact)]),
  );
}

function expanded(value: unknown): unknown {
  if (typeof value === "string" && /^\s*[{[]/.test(value)) {
    try {
      return expanded(JSON.parse(value));
    } catch {
      // Text that only looks like JSON is text.
      return value;
    }
  }
  if (Array.isArray(value)) return named(value) ?? value.map(expanded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, expanded(member)]));
}

/** Containers and their variables have a `name`, statements of a policy a `Sid`. */
function named(list: readonly unknown[]): Readonly<Record<string, unknown>> | undefined {
  for (const key of ["name", "Sid"]) {
    const names = new Set(list.map((item) => nameIn(item, key)));
    if (list.length === 0 || names.size < list.length || names.has(undefined)) continue;
    return Object.fromEntries(
      list.map((item) => {
        const { [key]: name, ...rest } = item as Record<string, unknown>;
        return [String(name), expanded(rest)];
      }),
    );
  }
  return undefined;
}

function nameIn(item: unknown, key: string): string | undefined {
  const name: unknown = (item as Record<string, unknown> | null | undefined)?.[key];
  return typeof name === "string" ? name : undefined;
}
