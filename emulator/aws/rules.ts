/**
 * What AWS says of bad inputs before it does anything. A rule gives a failure with AWS's error code and wording, or
 * nothing; rules run in previews too, so an input that is still unknown passes.
 */
import type { CheckFailure, Context, Properties, ResourceType } from "../resourceType.ts";
import { count, isList, list, text } from "../values.ts";

export type Rule = (
  inputs: Properties,
  context: Context,
) => CheckFailure | readonly CheckFailure[] | undefined;

export function rules(...all: readonly Rule[]): NonNullable<ResourceType["check"]> {
  return (inputs, context) => all.flatMap((rule) => rule(inputs, context) ?? []);
}

export function failure(property: string, code: string, message: string): CheckFailure {
  return { property, reason: `${code}: ${message}` };
}

export interface TextRule {
  readonly code: string;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  /** AWS's member name, when it is not the input's: "roleName" of `name`. */
  readonly member?: string;
  /** AWS's own sentence, where the service does not use the usual "failed to satisfy constraint". */
  message?(value: string): string;
}

/** A string of a length and a pattern. */
export function string(property: string, rule: TextRule): Rule {
  return (inputs) => {
    const value = text(inputs, property);
    if (value === undefined) return undefined;
    const broken = brokenConstraint(value, rule);
    if (broken === undefined) return undefined;
    const usual = constraintMessage(value, rule.member ?? property, broken);
    return failure(property, rule.code, rule.message?.(value) ?? usual);
  };
}

function brokenConstraint(value: string, rule: TextRule): string | undefined {
  if (rule.max !== undefined && value.length > rule.max) {
    return `Member must have length less than or equal to ${rule.max}`;
  }
  if (value.length < (rule.min ?? 1)) {
    return `Member must have length greater than or equal to ${rule.min ?? 1}`;
  }
  if (rule.pattern === undefined || rule.pattern.test(value)) return undefined;
  return `Member must satisfy regular expression pattern: ${rule.pattern.source}`;
}

function constraintMessage(value: string, member: string, broken: string): string {
  return `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: ${broken}`;
}

export function oneOf(
  property: string,
  code: string,
  values: readonly (string | number)[],
  member = property,
): Rule {
  return (inputs) => {
    const value = text(inputs, property) ?? count(inputs, property);
    if (value === undefined || values.includes(value)) return undefined;
    const broken = `Member must satisfy enum value set: [${values.join(", ")}]`;
    return failure(property, code, constraintMessage(String(value), member, broken));
  };
}

export function between(property: string, code: string, min: number, max: number, message?: string): Rule {
  return (inputs) => {
    const value = count(inputs, property);
    if (value === undefined || (value >= min && value <= max)) return undefined;
    return failure(
      property,
      code,
      message ?? `Value ${value} for parameter ${property} is invalid. It must be from ${min} to ${max}.`,
    );
  };
}

/** Lists that AWS wants filled. */
export function atLeast(property: string, code: string, min: number, message: string): Rule {
  return (inputs) =>
    isList(inputs[property]) && list(inputs, property).length < min
      ? failure(property, code, message)
      : undefined;
}

/** Exactly one of several inputs. */
export function exactlyOne(properties: readonly string[]): Rule {
  return (inputs) => {
    const given = properties.filter((property) => inputs[property] !== undefined);
    if (given.length === 1) return undefined;
    return {
      property: properties[0] ?? "",
      reason: `exactly one of ${properties.join(", ")} must be given, got ${given.join(", ") || "none"}`,
    };
  };
}

export function conflicts(one: string, other: string): Rule {
  return (inputs) =>
    inputs[one] !== undefined && inputs[other] !== undefined
      ? { property: one, reason: `"${one}": conflicts with ${other}` }
      : undefined;
}
