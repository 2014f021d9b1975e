/** From the steps of `refresh --preview-only` to drift findings. Pure. */
import type { StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import { maskSecrets } from "./deployment.ts";
import type { DriftFinding, DriftProperty, DriftResult } from "./engine.ts";
import { resourceOf } from "./errors.ts";
import { differences, valueAt } from "./propertyPath.ts";

export function driftResult(steps: readonly StepEventMetadata[]): DriftResult {
  const compared = steps.filter((step) => step.old?.custom === true && !step.type.startsWith("pulumi:"));
  return { findings: compared.flatMap((step) => finding(step) ?? []), hidden: [], checked: compared.length };
}

function finding(step: StepEventMetadata): DriftFinding | undefined {
  const base = { ...resourceOf(step.urn), physicalId: step.old?.id ?? "" };
  if (step.op === "delete" || (step.op === "refresh" && step.new === undefined)) {
    return { ...base, kind: "deleted", properties: [] };
  }
  const properties = step.op === "update" ? changedProperties(step) : [];
  return properties.length > 0 ? { ...base, kind: "changed", properties } : undefined;
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
  const inputs = differences(before.inputs ?? {}, after.inputs ?? {});
  return inputs.length > 0 ? inputs : differences(before.outputs ?? {}, after.outputs ?? {});
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
