/** Small shared parts of the types: what must exist, the wording of the API, lists of references. */
import type { AwsError } from "../awsError.ts";
import type { AwsApi, Context, Properties, StoredResource } from "../resourceType.ts";
import { text } from "../values.ts";

export function api(
  service: string,
  noun: string,
  operations: readonly [create: string, read: string, update: string, delete_: string],
): AwsApi {
  const [create, read, update, remove] = operations;
  return { service, noun: `${service} ${noun}`, create, read, update, delete: remove };
}

/** The object, or AWS's refusal of a reference that dangles. */
export function need(found: StoredResource | undefined, refusal: () => AwsError): StoredResource {
  if (found === undefined) throw refusal();
  return found;
}

/** The identifiers at these top-level properties that are there. */
export function identifiers(properties: Properties, ...keys: readonly string[]): readonly string[] {
  return keys.flatMap((key) => {
    const value = properties[key];
    if (typeof value === "string") return [value];
    return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
  });
}

/** A string input that `required`, auto-naming or a default guarantees. */
export function given(properties: Properties, key: string): string {
  const value = text(properties, key);
  if (value === undefined)
    throw new Error(`Cannot read input: ${key} must be a string, got ${String(properties[key])}`);
  return value;
}

/** An object of a type by its ARN, its id or its bare name: AWS takes any of them in many places. */
export function byAnyName(context: Context, type: string, reference: string): StoredResource | undefined {
  if (reference.startsWith("arn:")) {
    const found = context.byArn(reference);
    return found?.type === type ? found : undefined;
  }
  return context.byId(type, reference) ?? context.byName(type, reference);
}

/** The part of an ARN after its sixth colon-separated field: "cluster/web". */
export function arnResource(arn: string): string {
  return arn.split(":").slice(5).join(":");
}

export function anyReferrer(
  context: Context,
  identifier: string,
  types: readonly string[],
): StoredResource | undefined {
  for (const type of types) {
    const [first] = context.referrers(identifier, type);
    if (first !== undefined) return first;
  }
  return undefined;
}
