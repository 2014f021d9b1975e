import { readFileSync } from "node:fs";
import type { Method } from "../../contract/route.ts";
import type { OperationId } from "../../contract/routes.ts";

/**
 * The API as the client knows it: contract/openapi.json, which is generated from the contract and comes with the package.
 * Reading it takes a few milliseconds; loading the contract's schemas themselves would take most of a second at every start.
 */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly example?: unknown;
}

export interface Parameter {
  readonly in: "path" | "query" | "header";
  readonly name: string;
  readonly required: boolean;
  readonly schema: Schema;
}

export interface ApiOperation {
  readonly id: OperationId;
  readonly method: Method;
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description: string | undefined;
  /** The least role that may call it; undefined needs no key. */
  readonly role: string | undefined;
  readonly parameters: readonly Parameter[];
  readonly body: { readonly schema: Schema; readonly required: boolean } | undefined;
  /** Name of the answer's schema, such as TenantPage; undefined when it is no JSON or has no name. */
  readonly answer: string | undefined;
  readonly answerType: string | undefined;
  readonly isMutation: boolean;
}

interface RawOperation {
  readonly operationId: OperationId;
  readonly tags: readonly [string];
  readonly summary: string;
  readonly description?: string;
  readonly "x-role"?: string;
  readonly parameters?: readonly (Omit<Parameter, "required"> & { required?: boolean })[];
  readonly requestBody?: { required: boolean; content: Record<string, { schema: Schema }> };
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema?: Schema }> }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

let cached: Document | undefined;
function document(): Document {
  cached ??= JSON.parse(
    readFileSync(new URL("../../contract/openapi.json", import.meta.url), "utf8"),
  ) as Document;
  return cached;
}

let operations: ReadonlyMap<string, ApiOperation> | undefined;
export function apiOperations(): ReadonlyMap<string, ApiOperation> {
  operations ??= new Map(
    Object.entries(document().paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, raw]) => [raw.operationId, read(method as Method, path, raw)] as const,
      ),
    ),
  );
  return operations;
}

export function apiOperation(id: OperationId): ApiOperation {
  const found = apiOperations().get(id);
  if (found === undefined) throw new Error(`Cannot call ${id}: contract/openapi.json must describe it`);
  return found;
}

function read(method: Method, path: string, raw: RawOperation): ApiOperation {
  const body = raw.requestBody?.content["application/json"];
  const success = Object.entries(raw.responses).find(([status]) => status.startsWith("2"))?.[1];
  const [answerType, answer] = Object.entries(success?.content ?? {})[0] ?? [];
  return {
    id: raw.operationId,
    method,
    path,
    tag: raw.tags[0],
    summary: raw.summary,
    description: raw.description,
    role: raw["x-role"],
    parameters: (raw.parameters ?? []).map((parameter) => ({ required: false, ...parameter })),
    body: body && { schema: body.schema, required: raw.requestBody?.required === true },
    answer: answer?.schema === undefined ? undefined : schemaName(answer.schema),
    answerType,
    isMutation: method !== "get",
  };
}

/** The schema behind a reference, with what the reference itself says on top of it. */
export function resolved(schema: Schema): Schema {
  const { $ref, ...own } = schema;
  if ($ref === undefined) return schema;
  const target = document().components.schemas[schemaName(schema) ?? ""] ?? {};
  return { ...resolved(target), ...own };
}

export function namedSchema(name: string): Schema | undefined {
  return document().components.schemas[name];
}

export function schemaName({ $ref }: Schema): string | undefined {
  return $ref?.slice($ref.lastIndexOf("/") + 1);
}
