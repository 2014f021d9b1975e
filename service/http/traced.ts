import type { Request, RequestHandler, Response } from "express";
import { isMutation, namesTenant, type Route } from "../../contract/route.ts";
import { ENVIRONMENTS } from "../../contract/vocabulary.ts";
import { placeOf } from "../operations/place.ts";
import { note, noteEnvironment, noteTenant, noteTenantEnvironments } from "../tracing/scope.ts";
import { inSpan, noTracing, type SpanFailure, type Tracing } from "../tracing/tracing.ts";
import type { ValidInput } from "./deps.ts";
import { asProblem } from "./problem.ts";

/** A request as a span, part of the caller's trace when it sends a `traceparent`. Only faults of ours mark it as failed. */
export function traced(
  tracing: Tracing,
  operationId: string,
  serve: (request: Request, response: Response) => Promise<void>,
): RequestHandler {
  if (tracing === noTracing) return serve;
  return (request, response) => {
    const attributes = {
      ...{ "http.request.method": request.method, "http.route": String(request.route?.path ?? "") },
      "tenantry.request_id": String(response.get("X-Request-Id")),
      "tenantry.correlation_id": String(response.get("X-Correlation-Id")),
    };
    const span = { kind: "server", parent: request.get("traceparent"), attributes, failureOf } as const;
    return inSpan(tracing, operationId, span, async (span) => {
      try {
        await serve(request, response);
        span.set({ "http.response.status_code": response.statusCode });
      } catch (thrown) {
        const { status, code } = asProblem(thrown);
        span.set({ "http.response.status_code": status, "tenantry.code": code });
        throw thrown;
      }
    });
  };
}

function failureOf(thrown: unknown): SpanFailure | undefined {
  const { status, code } = asProblem(thrown);
  return status >= 500 ? { code } : undefined;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Which tenant a request is about, as far as its path says so, for the lines of its log. */
export function notePath({ params }: Request): void {
  const { tenantId } = params;
  if (typeof tenantId === "string" && UUID.test(tenantId)) note({ tenantId });
}

/** Which environments and tenant a request names; targets that it comes to are noted where their operations are made. */
export function noteInput({ params, query, body }: ValidInput): void {
  for (const part of [params, query, body])
    for (const environment of environmentsIn(part)) noteEnvironment(environment);
  const { tenantId } = (query ?? {}) as Fields;
  if (typeof tenantId === "string") noteTenant(tenantId);
}

/**
 * Where what was read is, as far as the answer tells: nothing is read for the sake of a line in the log. A list is of the tenant in its path
 * or of the fleet, which is in no environment in particular.
 */
export function noteAnswer(route: Route, body: unknown): void {
  if (isMutation(route)) return;
  const { items } = (body ?? {}) as Fields;
  const told = Array.isArray(items) ? (namesTenant(route) ? items : []) : [body];
  noteTenantEnvironments(told.flatMap(environmentsIn).filter((one) => one !== UNKNOWN));
}

type Fields = Readonly<Record<string, unknown>>;

const UNKNOWN = placeOf(null).environment;

function environmentsIn(part: unknown): string[] {
  const { environment, planeName, plane, planes } = (part ?? {}) as Fields;
  const names = [planeName, plane, ...(Array.isArray(planes) ? planes : [])];
  const named = names.filter((name) => typeof name === "string").map((name) => placeOf(name).environment);
  return ENVIRONMENTS.some((known) => known === environment) ? [String(environment), ...named] : named;
}
