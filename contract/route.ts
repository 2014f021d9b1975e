import type { z } from "zod";
import type { ErrorCode } from "./errors.ts";
import type { ApiKeyRole } from "./vocabulary.ts";

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** One operation of the API as a value: what the HTTP layer mounts, OpenAPI describes and clients call. */
export interface Route {
  readonly method: Method;
  /** With `:name` for parameters. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The least role that may call it; `null` needs no key. */
  readonly role: ApiKeyRole | null;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** A request without a body counts as `{}`. */
  readonly bodyOptional?: boolean;
  /** YAML is taken too: as text in the body `{ documents: [text] }`, or as the body itself. */
  readonly acceptsYaml?: "documents" | "body";
  /** NDJSON is taken too: its lines become the list of this name in the body. */
  readonly acceptsNdjson?: string;
  readonly status: 200 | 201 | 202 | 204;
  /** Absent when the answer is no JSON; `produces` then says what it is. */
  readonly response?: z.ZodType;
  readonly produces?:
    | "text/event-stream"
    | "text/plain"
    | "text/html"
    | "application/json"
    | "application/yaml"
    | "application/x-ndjson"
    | "application/zip";
  /** What it answers in instead when the query asks for it. */
  readonly alsoProduces?: "text/csv";
  /** Beyond those every route can answer with. */
  readonly errors: readonly ErrorCode[];
  /**
   * If-Match is taken, as the version of the tenant in the path or of the record that is written; of that the route's function asks.
   * Another route may answer `version_conflict` too, by what its body says, and takes no If-Match.
   */
  readonly ifMatch?: "tenant" | "record";
  /** The answer has an ETag that is no record's version. */
  readonly tagged?: true;
  /** The answer holds a secret shown once: a replay by Idempotency-Key must leave it out. */
  readonly secretResponse?: true;
}

/** Keeps the literal types of a route table; the check is the compiler's. */
export function defineRoutes<const T extends Record<string, Route>>(routes: T): T {
  return routes;
}

/** Every mutation takes an Idempotency-Key. */
export function isMutation(route: Route): boolean {
  return route.method !== "get";
}

/** Whether its path names a tenant. */
export function namesTenant(route: Route): boolean {
  return route.path.includes("/:tenantId");
}

type Output<T> = T extends z.ZodType ? z.output<T> : undefined;
export type ParamsOf<R extends Route> = Output<R["params"]>;
export type QueryOf<R extends Route> = Output<R["query"]>;
export type BodyOf<R extends Route> = Output<R["body"]>;
export type ResponseOf<R extends Route> = Output<R["response"]>;
