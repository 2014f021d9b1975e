/**
 * The oracle: does the local cloud behave as AWS does, in the eyes of somebody who is not us?
 *
 * A case is a short story about one service, told twice: to our own resource types, as a Pulumi program would, and to
 * moto, as the same calls of the AWS API. Every step must end alike: the same refusal or none, an id and ARN of the
 * same shape, the same computed attributes. What moto does not know is held against what AWS publishes: the schemas of
 * CloudFormation (what replaces, what AWS computes, how long a name may be), the API models (which error codes there
 * are) and the provider's own typings (what is required, what is output only).
 *
 * It promises that every difference is either none or listed in `differences.ts` with its reason, and that no listed
 * difference has gone away unnoticed. It does not promise that moto is right: where it is wrong, the reason says so.
 */
import type { Properties } from "../resourceType.ts";

/** One call of the AWS API, as boto3 takes it: `["ec2", "create_vpc", { CidrBlock: "10.0.0.0/16" }]`. */
export type Call = readonly [
  service: string,
  operation: string,
  parameters: Readonly<Record<string, unknown>>,
];

export type Action =
  | { readonly create: Properties }
  | { readonly update: Properties; readonly of: string }
  /** The attributes of an earlier step's object as they are by now. */
  | { readonly read: string }
  | { readonly delete: string };

/**
 * Texts in `ours` and `theirs` may hold `{{step.path}}`: what an earlier step ended with. On our side that is `id` or
 * an attribute; on the other side a path into the answers of the step's calls, laid one over the other.
 */
export interface Step {
  /** Unique within the case; others refer to the object by it. */
  readonly name: string;
  readonly type: string;
  readonly ours: Action;
  readonly theirs: readonly Call[];
  /** Our attribute, or `id`, → where the other side has it. Compared by shape when both sides accept the step. */
  readonly same?: Readonly<Record<string, string>>;
}

/** Steps of one type. `of` names the step that left the object. */
export function on(type: string) {
  const step = (name: string, ours: Action, theirs: readonly Call[], same?: Step["same"]): Step =>
    same === undefined ? { name, type, ours, theirs } : { name, type, ours, theirs, same };
  return {
    create: (name: string, inputs: Properties, theirs: readonly Call[], same?: Step["same"]) =>
      step(name, { create: inputs }, theirs, same),
    update: (name: string, of: string, inputs: Properties, theirs: readonly Call[], same?: Step["same"]) =>
      step(name, { update: inputs, of }, theirs, same),
    read: (name: string, of: string, theirs: readonly Call[], same?: Step["same"]) =>
      step(name, { read: of }, theirs, same),
    delete: (name: string, of: string, theirs: readonly Call[]) => step(name, { delete: of }, theirs),
  };
}

/** The step as a beginning of another case: its attributes are compared where it is the subject. */
export function asSetup({ same: _, ...step }: Step): Step {
  return step;
}

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** How a step ended: with a refusal, or with values that later steps and comparisons look into. */
export type Outcome = { readonly error: string; readonly message: string } | { readonly values: Values };

export interface Values {
  readonly [key: string]: unknown;
}

/** By `case/step`. */
export type Outcomes = ReadonlyMap<string, Outcome>;

export function stepKey(story: Case, step: Step): string {
  return `${story.name}/${step.name}`;
}

/** `valueAt({ a: [{ b: 1 }] }, "a.0.b")` is 1. Keys that hold dots are not found. */
export function valueAt(values: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)];
    return typeof value === "object" && value !== null ? (value as Values)[key] : undefined;
  }, values);
}

const REFERENCE = /\{\{([A-Za-z0-9]+)\.([^}]+)\}\}/g;

/** A value with its references replaced. A text that is nothing but a reference becomes the value itself. */
export function resolveReferences(value: unknown, steps: ReadonlyMap<string, Values>): unknown {
  if (Array.isArray(value)) return value.map((item) => resolveReferences(item, steps));
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => [key, resolveReferences(item, steps)]);
    return Object.fromEntries(entries);
  }
  if (typeof value !== "string") return value;
  const look = (step: string, path: string) => valueAt(steps.get(step), path);
  const whole = /^\{\{([A-Za-z0-9]+)\.([^}]+)\}\}$/.exec(value);
  if (whole !== null) return look(whole[1] ?? "", whole[2] ?? "");
  return value.replaceAll(REFERENCE, (_all, step: string, path: string) => String(look(step, path)));
}
