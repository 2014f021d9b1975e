/** From the steps of `refresh --preview-only` to drift findings. Pure. */
import type { StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import { maskSecrets } from "./deployment.ts";
import type { DriftFinding, DriftLook, DriftProperty } from "./engine.ts";
import { resourceOf } from "./errors.ts";
import { differences, isWithin, valueAt } from "./propertyPath.ts";

/** Paths that the program has told the engine to leave alone, by URN. */
export type IgnoredPaths = Readonly<Record<string, readonly string[]>>;

export function driftResult(steps: readonly StepEventMetadata[], ignored: IgnoredPaths = {}): DriftLook {
  const compared = steps.filter((step) => step.old?.custom === true && !step.type.startsWith("pulumi:"));
  return {
    findings: compared.flatMap((step) => finding(step, ignored[step.urn] ?? []) ?? []),
    hidden: compared.flatMap((step) => hidden(step, ignored[step.urn] ?? []) ?? []),
    checked: compared.length,
  };
}

function finding(step: StepEventMetadata, ignored: readonly string[]): DriftFinding | undefined {
  if (isDeleted(step)) return { ...subject(step), kind: "deleted", properties: [] };
  const all = step.op === "update" ? changedProperties(step) : [];
  const properties = all.filter(({ path }) => !isIgnored(path, ignored));
  return properties.length > 0 ? { ...subject(step), kind: "changed", properties } : undefined;
}

/** The engine's diff says nothing of ignored paths, so the states are compared; a secret looks the same in both. */
function hidden(step: StepEventMetadata, ignored: readonly string[]): DriftFinding | undefined {
  if (ignored.length === 0 || isDeleted(step) || !step.old || !step.new) return undefined;
  const properties = differingProperties(masked(step.old), masked(step.new), (path) =>
    isIgnored(path, ignored),
  );
  return properties.length > 0 ? { ...subject(step), kind: "changed", properties } : undefined;
}

function isDeleted(step: StepEventMetadata): boolean {
  return step.op === "delete" || (step.op === "refresh" && step.new === undefined);
}

function subject(step: StepEventMetadata) {
  return { ...resourceOf(step.urn), physicalId: step.old?.id ?? "" };
}

function isIgnored(path: string, ignored: readonly string[]): boolean {
  return ignored.some((pattern) => isWithin(path, pattern));
}

/**
 * The engine's own diff names the paths; where it names none, the recorded and the actual inputs are compared, and
 * only when they agree the outputs. Inputs first, because AWS computes outputs that change without anybody's doing.
 */
function changedProperties(step: StepEventMetadata): DriftProperty[] {
  if (!step.old || !step.new) return [];
  const [before, after] = [masked(step.old), masked(step.new)];
  const named = Object.keys(step.detailedDiff ?? {});
  if (named.length > 0) {
    const found = named.flatMap((path) => propertiesAt(path, before, after));
    if (found.length > 0) return found;
  }
  return differingProperties(before, after, () => true);
}

function differingProperties(
  before: State,
  after: State,
  counts: (path: string) => boolean,
): DriftProperty[] {
  const inputs = differences(before.inputs ?? {}, after.inputs ?? {}).filter(({ path }) => counts(path));
  if (inputs.length > 0) return inputs;
  return differences(before.outputs ?? {}, after.outputs ?? {}).filter(({ path }) => counts(path));
}

type State = Pick<NonNullable<StepEventMetadata["old"]>, "inputs" | "outputs">;

/** The engine has blanked secrets but left their envelopes. */
function masked({ inputs, outputs }: State): State {
  return maskSecrets({ inputs, outputs }) as State;
}

/** What differs at a path or below it: a diff may name a whole map of which one member changed. */
function propertiesAt(path: string, before: State, after: State): DriftProperty[] {
  for (const side of ["inputs", "outputs"] as const) {
    const found = differences(valueAt(before[side], path), valueAt(after[side], path), path);
    if (found.length > 0) return found;
  }
  // A masked secret looks the same on both sides; that it differs is all that may be told.
  const secret = valueAt(before.inputs, path) ?? valueAt(before.outputs, path);
  return secret === "[secret]" ? [{ path, recorded: "[secret]", actual: "[secret]" }] : [];
}
