/** What `Check` does for every type alike: default tags, auto-naming, defaults, required inputs, the type's own rules. */
import { createHash } from "node:crypto";
import type { AutoName, CheckFailure, Context, Properties, ResourceType } from "../resourceType.ts";
import { equal, isObject, list, object, prune, text } from "../values.ts";
import type { ProviderSettings } from "./peers.ts";

/** Names of the inputs that the provider filled in, not the program; kept in state as the real provider does. */
export const DEFAULTS_KEY = "__defaults";

/** Hex digits after an automatic name, as in `web-3f2a91c`. */
const SUFFIX_LENGTH = 7;

export interface CheckCall {
  readonly type: ResourceType;
  readonly context: Context;
  readonly settings: ProviderSettings;
  /** The resource's name in the program. */
  readonly logicalName: string;
  /** Inputs of the last deployment; empty for a new object and for a replacement. */
  readonly oldInputs: Properties;
  readonly newInputs: Properties;
  readonly randomSeed: Uint8Array | string;
}

export interface CheckResult {
  readonly inputs: Properties;
  readonly failures: readonly CheckFailure[];
}

export function checkInputs(call: CheckCall): CheckResult {
  const { type, context } = call;
  const given = withDefaultTags(type, call.settings, prune(call.newInputs));
  const named = withAutomaticName(call, given);
  const { inputs, defaulted } = withDefaults(type, named.inputs, context);
  const missing = type.required
    .filter((property) => inputs[property] === undefined || inputs[property] === null)
    .map((property) => ({
      property,
      reason: `Missing required argument. The argument "${property}" is required, but no definition was found.`,
    }));
  const failures = missing.length > 0 ? missing : (type.check?.(inputs, context) ?? []);
  return { inputs: { ...inputs, [DEFAULTS_KEY]: [...named.defaulted, ...defaulted].sort() }, failures };
}

/** The program's own tags win over the provider's. */
function withDefaultTags(type: ResourceType, settings: ProviderSettings, inputs: Properties): Properties {
  if (!type.taggable || Object.keys(settings.defaultTags).length === 0) return inputs;
  const own = inputs.tags;
  if (own !== undefined && !isObject(own)) return inputs;
  return { ...inputs, tags: { ...settings.defaultTags, ...own } };
}

function withAutomaticName(call: CheckCall, inputs: Properties): { inputs: Properties; defaulted: string[] } {
  const autoName = call.type.autoName;
  if (autoName === undefined) return { inputs, defaulted: [] };
  const { property } = autoName;
  if (inputs[property] !== undefined || inputs[`${property}Prefix`] !== undefined) {
    return { inputs, defaulted: [] };
  }
  const keeps = list(call.oldInputs, DEFAULTS_KEY).includes(property);
  const old = keeps ? text(call.oldInputs, property) : undefined;
  const fits = old?.endsWith(autoName.suffix?.(inputs) ?? "") === true;
  const name =
    fits && old !== undefined ? old : automaticName(autoName, call.logicalName, inputs, call.randomSeed);
  return { inputs: { ...inputs, [property]: name }, defaulted: [property] };
}

export function automaticName(
  autoName: AutoName,
  logicalName: string,
  inputs: Properties,
  randomSeed: Uint8Array | string,
): string {
  const suffix = autoName.suffix?.(inputs) ?? "";
  const seed = randomSeed.length > 0 ? randomSeed : logicalName;
  const random = createHash("sha256").update(seed).digest("hex").slice(0, SUFFIX_LENGTH);
  const room = autoName.maxLength - suffix.length - SUFFIX_LENGTH - 1;
  const base = autoName.lowerCase === true ? logicalName.toLowerCase() : logicalName;
  return `${base.slice(0, Math.max(room, 0))}-${random}${suffix}`;
}

function withDefaults(
  type: ResourceType,
  inputs: Properties,
  context: Context,
): { inputs: Properties; defaulted: string[] } {
  const defaults = prune(type.defaults?.(inputs, context) ?? {});
  const absent = Object.entries(defaults).filter(([key]) => inputs[key] === undefined);
  return {
    inputs: { ...inputs, ...Object.fromEntries(absent) },
    defaulted: absent.map(([key]) => key),
  };
}

/** Inputs as a type's own functions see them. */
export function withoutBookkeeping(inputs: Properties): Properties {
  const { [DEFAULTS_KEY]: _, ...own } = inputs;
  return own;
}

/** Whether the program chose the name and keeps it: then the old object must go before the new one can have it. */
export function keepsChosenName(type: ResourceType, oldInputs: Properties, newInputs: Properties): boolean {
  const property = type.autoName?.property;
  if (property === undefined || newInputs[property] === undefined) return false;
  if (newInputs[DEFAULTS_KEY] === undefined || list(newInputs, DEFAULTS_KEY).includes(property)) return false;
  return equal(oldInputs[property], newInputs[property]);
}

/**
 * The inputs a refresh reports: what the program once said, as the cloud has it now. Members that only the cloud
 * knows are left out, except tags and members changed out of band.
 */
export function refreshedInputs(
  type: ResourceType,
  oldInputs: Properties,
  live: Properties,
  changedOutOfBand: readonly string[],
): Properties {
  const result: Record<string, Properties[string]> = {};
  for (const [key, old] of Object.entries(oldInputs)) {
    const kept = key === DEFAULTS_KEY || type.writeOnly?.includes(key) === true;
    result[key] = kept ? old : key === "tags" ? live.tags : projected(old, live[key]);
  }
  for (const key of changedOutOfBand) {
    if (!type.computed.includes(key) && key !== "tagsAll") result[key] = live[key];
  }
  if (type.taggable && oldInputs.tags === undefined && Object.keys(object(live, "tags") ?? {}).length > 0) {
    result.tags = live.tags;
  }
  return prune(result);
}

/** The part of `live` that `old` speaks of, so that attributes AWS adds are no drift. */
function projected(old: Properties[string], live: Properties[string]): Properties[string] {
  if (!isObject(old) || !isObject(live)) return live;
  const keys = Object.keys(old).length === 0 ? Object.keys(live) : Object.keys(old);
  return prune(Object.fromEntries(keys.map((key) => [key, projected(old[key], live[key])])));
}
