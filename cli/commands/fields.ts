import { type ApiOperation, resolved, type Schema, schemaName } from "../api/description.ts";

/** What an option's text becomes. */
export type FieldKind =
  | { readonly kind: "text" | "integer" | "number" | "flag" | "json" }
  /** A number where it reads as one, else text: `5` or `25%`. */
  | { readonly kind: "amount" }
  | { readonly kind: "choice"; readonly values: readonly string[] }
  | { readonly kind: "list"; readonly of: FieldKind }
  /** NAME=VALUE, repeated. */
  | { readonly kind: "map"; readonly of: FieldKind };

/** One thing a command can be told, and where in the request it goes. */
export interface Field {
  readonly in: "path" | "query" | "header" | "body";
  readonly at: readonly string[];
  /** Without the dashes. */
  readonly option: string;
  readonly kind: FieldKind;
  /** `null` as text is null. */
  readonly nullable: boolean;
  readonly required: boolean;
  /** A tenant's id, for which its slug may be given. */
  readonly tenant: boolean;
  readonly description: string;
  readonly fallback: unknown;
}

/** Shorter than the path of the field, and the same word wherever it stands. */
const NAMES: Readonly<Record<string, string>> = {
  planes: "plane",
  planeName: "plane",
  tenantId: "tenant",
  tenantIds: "tenant",
  labels: "label",
  regions: "region",
  plans: "plan",
  states: "state",
  releaseNumber: "release",
  confirmSlug: "confirm",
  "config.settings": "setting",
  "config.secretRefs": "secret-ref",
  "regions.allowed": "allowed-region",
  "regions.preferred": "preferred-region",
  "X-Tenantry-Force-Reason": "force-reason",
};
/** The client sets these itself, or has no use for them. */
const OWN_HEADERS = new Set(["X-Correlation-Id", "Idempotency-Key", "If-None-Match", "Last-Event-ID"]);
/** Their members are options as if they were the body's own. */
const OPENED = new Set(["change", "scope"]);

export function fieldsOf(operation: ApiOperation): Field[] {
  const parameters = operation.parameters
    .filter(({ name }) => !OWN_HEADERS.has(name))
    .map((parameter) => fieldOf(parameter.in, [parameter.name], parameter.schema, parameter.required));
  const body = operation.body === undefined ? [] : bodyFields([], resolved(operation.body.schema));
  return [...parameters, ...body];
}

function bodyFields(above: readonly string[], schema: Schema): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const at = [...above, name];
    const whole = resolved(member);
    if (whole.type === "object" && whole.properties !== undefined && at.length < 4)
      return bodyFields(at, whole);
    return [fieldOf("body", at, member, above.length === 0 && schema.required?.includes(name) === true)];
  });
}

function fieldOf(where: Field["in"], at: readonly string[], schema: Schema, required: boolean): Field {
  const { inner, nullable } = withoutNull(resolved(schema));
  const item = inner.items;
  const whole = resolved(inner);
  return {
    in: where,
    at,
    option: optionName(at),
    kind: kindOf(whole),
    nullable,
    required: required && whole.default === undefined,
    tenant: isTenant(schema) || isTenant(inner) || (item !== undefined && isTenant(item)),
    description: whole.description ?? resolved(schema).description ?? "",
    fallback: resolved(schema).default,
  };
}

function isTenant(schema: Schema): boolean {
  return schemaName(schema) === "TenantId" || (schema.anyOf?.some(isTenant) ?? false);
}

function withoutNull(schema: Schema): { inner: Schema; nullable: boolean } {
  if (Array.isArray(schema.type) && schema.type.includes("null")) {
    const rest = schema.type.filter((type) => type !== "null");
    return { inner: { ...schema, ...(rest[0] === undefined ? {} : { type: rest[0] }) }, nullable: true };
  }
  const others = schema.anyOf?.filter((one) => one.type !== "null") ?? [];
  if (schema.anyOf === undefined || others.length === schema.anyOf.length)
    return { inner: schema, nullable: false };
  const [only] = others;
  if (others.length !== 1 || only === undefined)
    return { inner: { ...schema, anyOf: others }, nullable: true };
  const { anyOf: _anyOf, ...outer } = schema;
  return { inner: { ...outer, ...only }, nullable: true };
}

function kindOf(schema: Schema): FieldKind {
  const values = schema.enum?.filter((value) => typeof value === "string");
  if (values !== undefined && values.length === schema.enum?.length) {
    const isSwitch = values.includes("true") && values.includes("false");
    return isSwitch ? { kind: "flag" } : { kind: "choice", values };
  }
  const kinds = (schema.anyOf ?? schema.oneOf)?.map((one) => kindOf(resolved(one)).kind);
  if (kinds?.includes("text") && kinds.every((kind) => /^(text|integer|number)$/.test(kind)))
    return { kind: "amount" };
  switch (schema.type) {
    case "string":
      return { kind: "text" };
    case "integer":
    case "number":
      return { kind: schema.type };
    case "boolean":
      return { kind: "flag" };
    case "array":
      return listOf(schema);
    case "object":
      return mapOf(schema);
    default:
      return { kind: "json" };
  }
}

function listOf({ items }: Schema): FieldKind {
  const of = kindOf(resolved(items ?? {}));
  return of.kind === "list" || of.kind === "map" || of.kind === "json"
    ? { kind: "json" }
    : { kind: "list", of };
}

function mapOf({ additionalProperties: values }: Schema): FieldKind {
  if (typeof values !== "object") return { kind: "json" };
  const of = kindOf(resolved(values));
  return of.kind === "list" || of.kind === "map" || of.kind === "json"
    ? { kind: "json" }
    : { kind: "map", of };
}

export function optionName(at: readonly string[]): string {
  const path = OPENED.has(at[0] ?? "") && at.length > 1 ? at.slice(1) : at;
  const [first = "", ...rest] = path;
  if (first === "exclude" && rest.length > 0) return `exclude-${optionName(rest)}`;
  return NAMES[path.join(".")] ?? path.map(kebab).join("-");
}

export function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase();
}
