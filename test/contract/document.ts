import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";

/** openapi.json as a stranger reads it: nothing here knows the schemas it was made from. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

export interface Parameter {
  readonly in: "path" | "query" | "header";
  readonly name: string;
  readonly required?: boolean;
  readonly schema: JsonSchema;
}

interface MediaType {
  readonly schema?: JsonSchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown; readonly $ref?: string }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: JsonSchema | undefined;
  readonly bodyTypes: readonly string[];
  readonly bodyRequired: boolean;
  readonly bodyExamples: readonly unknown[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, MediaType>> }>>;
  readonly isOpen: boolean;
  /** The least that may call it; undefined where it needs no key. */
  readonly role: string | undefined;
  /** Its second path. */
  readonly alsoAt: string | undefined;
}

interface RawOperation
  extends Omit<Operation, "method" | "path" | "isOpen" | "role" | "alsoAt" | "parameters"> {
  readonly "x-role"?: string;
  readonly "x-also-at"?: string;
  readonly parameters?: readonly Parameter[];
  readonly security?: readonly unknown[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, MediaType>>;
  };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
  };
}

export const document = JSON.parse(
  readFileSync(new URL("../../contract/openapi.json", import.meta.url), "utf8"),
) as Document;

export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, raw]) => read(method, path, raw)),
);

function read(method: string, path: string, raw: RawOperation): Operation {
  const json = raw.requestBody?.content["application/json"];
  return {
    operationId: raw.operationId,
    method: method.toUpperCase(),
    path,
    parameters: raw.parameters ?? [],
    body: json?.schema,
    bodyTypes: Object.keys(raw.requestBody?.content ?? {}),
    bodyRequired: raw.requestBody?.required === true,
    bodyExamples: json === undefined ? [] : examplesOf(json),
    responses: raw.responses,
    isOpen: raw.security?.length === 0,
    role: raw["x-role"],
    alsoAt: raw["x-also-at"],
  };
}

export function examplesOf(media: MediaType): unknown[] {
  const named = Object.values(media.examples ?? {}).map((one) =>
    one.$ref === undefined ? one.value : document.components.examples[nameOf(one.$ref)]?.value,
  );
  const own = media.example ?? (media.schema && resolve(media.schema).example);
  return own === undefined ? named : [...named, own];
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

export function schemaNameOf({ $ref }: JsonSchema): string | undefined {
  return $ref === undefined ? undefined : nameOf($ref);
}

/** The schema behind a reference, with what the reference says besides. */
export function resolve(schema: JsonSchema): JsonSchema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...own } = schema;
  return { ...resolve(document.components.schemas[nameOf($ref)] ?? {}), ...own };
}

const ajv = new Ajv2020({ strict: false, allErrors: false, logger: false });
formats.default(ajv);
ajv.addSchema(document, "api");
const escaped = (part: string) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));

const compiled = new Map<string, ValidateFunction>();
/** The check of what stands at that place of the document. */
export function validatorAt(...place: string[]): ValidateFunction {
  const reference = `api#/${place.map(escaped).join("/")}`;
  const known = compiled.get(reference) ?? ajv.compile({ $ref: reference });
  compiled.set(reference, known);
  return known;
}

export function answerValidator({ path, method }: Operation, status: number, type: string) {
  return validatorAt(
    "paths",
    path,
    method.toLowerCase(),
    "responses",
    `${status}`,
    "content",
    type,
    "schema",
  );
}

/** The problem codes that the document lists for a status of the operation. */
export function declaredCodes(operation: Operation, status: number): string[] {
  return Object.keys(
    operation.responses[String(status)]?.content?.["application/problem+json"]?.examples ?? {},
  );
}
