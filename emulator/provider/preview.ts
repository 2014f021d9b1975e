import type { Properties } from "../resourceType.ts";
import { UNKNOWN } from "../values.ts";
import { withoutBookkeeping } from "./inputs.ts";
import type { Scope } from "./lifecycle.ts";
import { regionProperty, tagsAllOf, withoutRemoved } from "./lifecycle.ts";

/** Outputs a preview can tell: inputs, and UNKNOWN for what only AWS sets. */
export function previewCreate(scope: Scope, inputs: Properties): Properties {
  const { type, caller } = scope;
  const own = withoutBookkeeping(inputs);
  const computed: Properties = Object.fromEntries(type.computed.map((key) => [key, own[key] ?? UNKNOWN]));
  return { ...computed, ...own, ...tagsAllOf(type, own), ...regionProperty(type, caller) };
}

export function previewUpdate(
  scope: Scope,
  oldProperties: Properties,
  oldInputs: Properties,
  inputs: Properties,
): Properties {
  const { type } = scope;
  const own = withoutBookkeeping(inputs);
  const computed: Properties = Object.fromEntries((type.computedOnUpdate ?? []).map((key) => [key, UNKNOWN]));
  return { ...withoutRemoved(oldProperties, oldInputs, own), ...own, ...tagsAllOf(type, own), ...computed };
}
