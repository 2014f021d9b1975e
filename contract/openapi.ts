import { z } from "zod";
import {
  createDocument,
  type ZodOpenApiOverride as Override,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
} from "zod-openapi";
import { aliasOf } from "./alias.ts";
import { LIMITS } from "./common.ts";
import { ERROR_CODES, ERRORS, type ErrorCode, type Problem, ProblemError, problemSchema } from "./errors.ts";
import { isMutation, type Route } from "./route.ts";
import { routes } from "./routes.ts";
import { type DescribedDocument, withExamples } from "./withExamples.ts";

/**
 * Describes the route table as OpenAPI 3.1. The result is committed as openapi.json, which the service hands out and
 * clients are generated from; a test fails while the two differ.
 */
export function createOpenapiDocument() {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const [operationId, route] of Object.entries(routes) as [string, Route][]) {
    const path = route.path.replace(/:([A-Za-z]+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method]: describeOperation(operationId, route) };
  }
  const document = createDocument(
    {
      openapi: "3.1.0",
      info: {
        title: "Tenantry",
        version: "1",
        description:
          "The tenant control plane. Mutations that reach the cloud answer 202 with operations: follow them by " +
          "their events. Every failure is a problem+json with a stable `code`; every mutation takes an Idempotency-Key.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/" }],
      security: [{ apiKey: [] }],
      tags: tagsInOrder(),
      paths: paths as ZodOpenApiPathsObject,
      components: {
        securitySchemes: {
          apiKey: { type: "http", scheme: "bearer", description: "An API key, `tk_<id>_<secret>`" },
        },
      },
    },
    { override: wordsOfBooleans },
  );
  return withExamples(document as unknown as DescribedDocument);
}

/** A boolean in a query is one of two words, which the schema of a string does not say by itself. */
function wordsOfBooleans({ zodSchema, jsonSchema, io }: Parameters<Override>[0]): void {
  const { def } = zodSchema._zod;
  const isWord = def.type === "pipe" && io === "input" && jsonSchema.type === "string";
  if (isWord && (def as z.core.$ZodPipeDef).out._zod.def.type === "boolean")
    jsonSchema.enum = ["true", "false"];
}

/** As committed: the text of openapi.json. */
export function openapiText(): string {
  return `${JSON.stringify(createOpenapiDocument(), null, 2)}\n`;
}

const idempotencyKey = z
  .string()
  .min(1)
  .max(LIMITS.idempotencyKeyChars)
  .optional()
  .meta({ description: "The same key and body give the same answer for 24 hours", example: "4f3d9c1a" });
const ifMatch = z
  .string()
  .optional()
  .meta({ description: "The recordVersion you have read", example: '"3"' });
const ifNoneMatch = z
  .string()
  .optional()
  .meta({ description: "The ETag of what you have: 304 when it is still so", example: '"3"' });
const forceReason = z
  .string()
  .min(3)
  .max(LIMITS.reasonChars)
  .optional()
  .meta({ description: "Does it to a manifest's tenant all the same, until its next apply; audited" });
const correlationId = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,128}$/)
  .optional()
  .meta({
    description:
      "Comes back in the answer, its operations and the audit trail; each request has an X-Request-Id of its own besides",
  });
const lastEventId = z.coerce.number().int().optional().meta({ description: "Go on after this sequence" });

/** Each lands once in components.examples, by its id, and is referred to from there. */
const EXAMPLES = Object.fromEntries(
  ERROR_CODES.map((code) => [
    code,
    { id: code, value: new ProblemError(code, { detail: `${ERRORS[code].title}.` }).toProblem() },
  ]),
) as Record<ErrorCode, { id: string; value: Problem }>;

function describeOperation(operationId: string, route: Route): ZodOpenApiOperationObject {
  const header = z.object({
    "X-Correlation-Id": correlationId,
    ...(isMutation(route) ? { "Idempotency-Key": idempotencyKey } : {}),
    ...(route.ifMatch === undefined ? {} : { "If-Match": ifMatch }),
    ...(isConditional(route) ? { "If-None-Match": ifNoneMatch } : {}),
    ...(route.errors.includes("managed_by_manifest") ? { "X-Tenantry-Force-Reason": forceReason } : {}),
    ...(route.produces === "text/event-stream" ? { "Last-Event-ID": lastEventId } : {}),
  });
  const alsoAt = aliasOf(route.path);
  return {
    operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(alsoAt === undefined ? {} : { "x-also-at": alsoAt.replace(/:([A-Za-z]+)/g, "{$1}") }),
    ...(route.role === null ? { security: [] } : { "x-role": route.role }),
    requestParams: {
      header,
      ...(route.params === undefined ? {} : { path: route.params }),
      ...(route.query === undefined ? {} : { query: route.query }),
    },
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: route.bodyOptional !== true,
            content: {
              "application/json": { schema: route.body },
              ...(route.acceptsYaml === "documents" && {
                "application/yaml": { schema: { type: "string" } },
              }),
              ...(route.acceptsYaml === "body" && { "application/yaml": { schema: route.body } }),
              ...(route.acceptsNdjson !== undefined && {
                "application/x-ndjson": { schema: { type: "string" } },
              }),
            },
          },
        }),
    responses: {
      [String(route.status)]: describeSuccess(route),
      ...(isConditional(route) && { 304: { description: "Nothing has changed since" } }),
      ...describeErrors(route),
    },
  } as ZodOpenApiOperationObject;
}

function describeSuccess(route: Route) {
  const description = route.status === 202 ? "Accepted; follow the operations" : "Done";
  if (route.response !== undefined) {
    return { description, content: { "application/json": { schema: route.response } } };
  }
  if (route.produces === undefined) return { description };
  const type = route.produces === "application/json" ? "object" : "string";
  const also = route.alsoProduces && { [route.alsoProduces]: { schema: { type: "string" } } };
  return { description, content: { [route.produces]: { schema: { type } }, ...also } };
}

/** One answer a status; its codes are named in the description, with an example for each. */
function describeErrors(route: Route): Record<string, unknown> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorCodesOf(route)) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const answers = [...byStatus].sort(([left], [right]) => left - right);
  return Object.fromEntries(
    answers.map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join("; "),
        content: {
          "application/problem+json": {
            schema: problemSchema,
            examples: Object.fromEntries(codes.map((code) => [code, EXAMPLES[code]])),
          },
        },
      },
    ]),
  );
}

/** Answers 304 to whoever has what it would answer: what has an ETag, as all single records do. */
export function isConditional({ method, tagged, response }: Route): boolean {
  if (method !== "get") return false;
  return tagged === true || (response instanceof z.ZodObject && "recordVersion" in response.shape);
}

/** What the route can answer with, what every route of its kind can answer with included. */
export function errorCodesOf(route: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>(route.errors);
  codes.add("internal");
  if (route.role !== null) codes.add("unauthenticated").add("forbidden").add("rate_limited");
  if (route.role !== null) codes.add("policy_denied").add("policy_error");
  if (route.params !== undefined || route.query !== undefined || route.body !== undefined)
    codes.add("invalid_request");
  // A path that is wrongly percent-encoded cannot be read either.
  if (route.params !== undefined) codes.add("malformed_json");
  if (route.body !== undefined)
    codes.add("malformed_json").add("body_too_large").add("unsupported_media_type");
  if (isMutation(route))
    codes.add("idempotency_key_reuse").add("idempotency_in_progress").add("busy").add("storage_full");
  if (isMutation(route) && route.params?.shape.tenantId !== undefined) codes.add("residency_violation");
  if (route.status === 202) codes.add("queue_full");
  return [...codes];
}

function tagsInOrder(): { name: string }[] {
  return [...new Set((Object.values(routes) as Route[]).map((route) => route.tag))].map((name) => ({ name }));
}
