import type { NextFunction, Request, RequestHandler, Response } from "express";
import express from "express";
import { ProblemError } from "../../contract/errors.ts";
import { isMutation, type Route } from "../../contract/route.ts";
import { validate } from "../../contract/validate.ts";
import { newId } from "../../registry/id.ts";
import { type IdempotencyRequest, requestDigest } from "../../registry/idempotency.ts";
import { redactText } from "../../registry/redact.ts";
import type { Change } from "../../registry/registry.ts";
import type { Principal, RequestContext } from "../app/context.ts";
import { FORCE_HEADER } from "../app/managed.ts";
import { roleCovers } from "../app/roleCovers.ts";
import { limits } from "../config/limits.ts";
import type { Logger } from "../log.ts";
import { bindScope, scopeFacts, withinScope } from "../tracing/scope.ts";
import type { AnyHandler, CallTools, HttpDeps, ValidInput } from "./deps.ts";
import type { KeptAnswer } from "./idempotency.ts";
import { isNdjson, ndjsonLines } from "./ndjson.ts";
import { asProblem, sendProblem } from "./problem.ts";
import { forceReason, isYaml, utf8Text } from "./requestExtras.ts";
import { noteAnswer, noteInput, notePath, traced } from "./traced.ts";
import { preconditionOf, tagRecord } from "./versions.ts";
import { placed, readYamlBody } from "./yamlBody.ts";

interface RequestFacts {
  readonly requestId: string;
  readonly correlationId: string;
  readonly startedAt: bigint;
  operation: string;
  principal?: Principal;
  /** Set once role and environment have let the request through; policies may still refuse it. */
  allowed?: RequestContext;
}

const parseJson = express.json({ limit: limits.bodyBytes, strict: false, type: () => true });
const parseBytes = express.raw({ limit: limits.bodyBytes, type: () => true });
const correlationShape = /^[A-Za-z0-9._:-]{1,128}$/;

/** First in the chain: gives the request its ids and logs and measures it when it has been answered. */
export function begin(deps: HttpDeps): RequestHandler {
  // Its lines have fields of ours alone, ids and texts, and looking through them for secrets costs more than writing them.
  const log = deps.base.log.child({}, { redact: [] });
  return (request, response, next) => {
    // They grow: the log of decisions has an index of them, and is written with every request.
    const requestId = newId();
    const asked = request.get("x-correlation-id") ?? "";
    const correlationId = correlationShape.test(asked) ? asked : requestId;
    const facts: RequestFacts = {
      requestId,
      correlationId,
      startedAt: process.hrtime.bigint(),
      operation: "unknown",
    };
    response.locals.facts = facts;
    response.setHeader("X-Request-Id", requestId);
    response.setHeader("X-Correlation-Id", correlationId);
    withinScope({ requestId, correlationId }, () => {
      const ended = bindScope(() => finish(deps, log, request, response, facts));
      response.on("close", ended);
      next();
    });
  };
}

function factsOf(response: Response): RequestFacts {
  return response.locals.facts as RequestFacts;
}

function finish(
  deps: HttpDeps,
  log: Logger,
  request: Request,
  response: Response,
  facts: RequestFacts,
): void {
  const ms = Number(process.hrtime.bigint() - facts.startedAt) / 1e6;
  const { operation, principal } = facts;
  deps.base.metrics.requestSeconds.observe({ operation, status: String(response.statusCode) }, ms / 1000);
  const { tenantId } = scopeFacts();
  if (tenantId !== undefined && principal !== undefined)
    deps.base.metrics.tenants.request(tenantId, response.statusCode);
  if (facts.allowed !== undefined && response.statusCode !== 403)
    deps.decided(facts.allowed, operation, tenantId);
  const status = response.statusCode;
  // What was answered is no secret; what was refused may be one that somebody has put into the wrong place.
  const path = status >= 400 ? redactText(request.path) : request.path;
  const line = { operation, method: request.method, path, status };
  log.info({ ...line, ms: Math.round(ms), principal: principal?.id }, "request");
}

/** The wrapper around every handler: key, body, checks, idempotency, answer. Handlers know none of it. */
export function wrap(deps: HttpDeps, operationId: string, route: Route, handler: AnyHandler): RequestHandler {
  const serve = async (request: Request, response: Response): Promise<void> => {
    const facts = factsOf(response);
    facts.operation = operationId;
    notePath(request);
    const principal = route.role === null ? anonymous : await authenticate(deps, request, response);
    facts.principal = principal;
    const { requestId, correlationId } = facts;
    const asker = { principal, requestId, correlationId, decision: {}, ...forceReason(route, request) };
    const tools = { context: { ...deps.base, ...asker }, request, response };
    if (route.tag !== "Service") await limitRate(deps, operationId, route, principal, request, response);
    // Before the body is looked at: whoever may not do this learns nothing of what it would take.
    await deps.authorize(tools.context, operationId, request.params.tenantId);
    if (route.body !== undefined) await readBody(route, request, response);
    const input = checked(route, request);
    Object.assign(tools.context, preconditionOf(route, request));
    Object.assign(tools.context, await deps.refuseEnvironment(tools.context, operationId, input));
    if (route.role !== null) facts.allowed = tools.context;
    noteInput(input);
    if (isMutation(route)) refuseWhenReadOnly(deps);
    const key = isMutation(route) ? idempotencyKey(request) : undefined;
    if (key === undefined) return answer(deps, route, response, await handler(input, tools));
    const claim = { principalId: principal.id, key, requestId, requestDigest: digestOf(request, input) };
    const earlier = await deps.idempotency.begin(claim);
    if (earlier !== undefined) return replay(response, earlier, requestId);
    answer(deps, route, response, await once(deps, route, claim, handler, input, tools));
  };
  // Whoever asks how the service is asks every few seconds.
  return route.tag === "Service" ? serve : traced(deps.base.tracing, operationId, serve);
}

function refuseWhenReadOnly({ base }: HttpDeps): void {
  const problem = base.storage.problem();
  if (problem !== undefined) throw problem;
}

/** Runs the handler and keeps its answer for the key: inside its change where it makes one, else afterwards. */
async function once(
  { idempotency }: HttpDeps,
  route: Route,
  claim: IdempotencyRequest,
  handler: AnyHandler,
  input: ValidInput,
  tools: CallTools,
): Promise<unknown> {
  const toKeep = (body: unknown): KeptAnswer => ({
    status: route.status,
    body: route.secretResponse === true ? withoutSecret(body) : body,
  });
  const keepAnswer = (change: Change, body: unknown) =>
    idempotency.completeWithin(change, claim, toKeep(body));
  try {
    const body = await handler(input, { ...tools, context: { ...tools.context, keepAnswer } });
    await idempotency.complete(claim, toKeep(body));
    return body;
  } catch (thrown) {
    const problem = asProblem(thrown);
    await idempotency.fail(claim, problem);
    throw problem;
  }
}

const anonymous: Principal = { kind: "anonymous", id: "anonymous", name: "anonymous", role: null };

/** Probes and metrics are not counted: who watches must see most when there is too much of all else. */
async function limitRate(
  { limits: rates }: HttpDeps,
  operationId: string,
  route: Route,
  principal: Principal,
  request: Request,
  response: Response,
): Promise<void> {
  const named = request.params.tenantId;
  const tenantId = typeof named === "string" ? named : undefined;
  const mayAsk = route.role === null || roleCovers(principal.role, route.role);
  await rates.consume({ principal, operationId, tenantId, mayAsk, isRead: !isMutation(route) }, response);
}

async function authenticate(deps: HttpDeps, request: Request, response: Response): Promise<Principal> {
  const [scheme, token] = (request.get("authorization") ?? "").split(" ");
  const key = request.get("x-api-key") ?? (scheme?.toLowerCase() === "bearer" ? token : undefined);
  const principal = key === undefined ? undefined : await deps.authenticate(key);
  if (principal !== undefined) return principal;
  // Never whoever has a valid key: behind a load balancer all callers come from one address.
  deps.limits.refuseAddress(request.ip, response);
  deps.base.metrics.denials.inc({ reason: "unauthenticated" });
  await deps.limits.countAddress(request.ip);
  throw new ProblemError("unauthenticated", {
    detail:
      key === undefined ? "The request has no API key." : "The API key is not known, revoked or expired.",
    hint: "Send Authorization: Bearer <key>; the admin key was printed when the service first started.",
    errors: [
      { path: "header.authorization", message: key === undefined ? "is missing" : "is not a valid key" },
    ],
  });
}

function checked(route: Route, request: Request): ValidInput {
  try {
    return check(route, request);
  } catch (thrown) {
    throw placed(request, thrown);
  }
}

function check(route: Route, request: Request): ValidInput {
  const body = request.body === undefined && route.bodyOptional === true ? {} : request.body;
  return {
    params: route.params && validate(route.params, request.params, "path"),
    query: route.query && validate(route.query, { ...request.query }, "query"),
    body: route.body && validate(route.body, body, "body"),
  };
}

async function readBody(route: Route, request: Request, response: Response): Promise<void> {
  const empty =
    request.get("transfer-encoding") === undefined && Number(request.get("content-length") ?? 0) === 0;
  if (empty) return;
  if (route.acceptsYaml !== undefined && isYaml(request)) {
    await parsed(parseBytes, request, response);
    const text = utf8Text(request.body as Buffer);
    request.body = route.acceptsYaml === "body" ? await readYamlBody(request, text) : { documents: [text] };
    return;
  }
  if (route.acceptsNdjson !== undefined && isNdjson(request)) {
    await parsed(parseBytes, request, response);
    request.body = { [route.acceptsNdjson]: ndjsonLines(utf8Text(request.body as Buffer)) };
    return;
  }
  if (request.is(["json", "+json"]) === false) {
    const taken = `application/json${takenBesides(route)}`;
    throw new ProblemError("unsupported_media_type", {
      detail: `Cannot read the body: it must be ${taken}, got ${request.get("content-type") ?? "no type"}.`,
      hint: `Say what the body is: Content-Type: ${taken}.`,
      errors: [{ path: "header.content-type", message: `must be ${taken}` }],
    });
  }
  await parsed(parseJson, request, response);
}

function takenBesides({ acceptsYaml, acceptsNdjson }: Route): string {
  if (acceptsYaml !== undefined) return " or application/yaml";
  return acceptsNdjson === undefined ? "" : " or application/x-ndjson";
}

function parsed(parser: RequestHandler, request: Request, response: Response): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    void parser(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
  });
}

function idempotencyKey(request: Request): string | undefined {
  const key = request.get("idempotency-key");
  if (key === undefined) return undefined;
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= limits.idempotencyKeyChars) return key;
  throw new ProblemError("invalid_request", {
    detail: `Cannot use the Idempotency-Key: it must be 1 to ${limits.idempotencyKeyChars} visible characters.`,
    hint: "Use a new UUID for each new request.",
    errors: [{ path: "header.idempotency-key", message: "is empty, too long or has odd characters" }],
  });
}

/** Headers that make another request of it: what it may overwrite, and whether it may. */
const TELLING_HEADERS = ["if-match", FORCE_HEADER];

function digestOf(request: Request, input: ValidInput): string {
  const { query = null, body = null } = input;
  const sent = TELLING_HEADERS.filter((name) => request.get(name) !== undefined);
  const headers = Object.fromEntries(sent.map((name) => [name, request.get(name)]));
  const said = { query, body, ...(sent.length > 0 && { headers }) };
  return requestDigest({ method: request.method, path: request.path, body: said });
}

function withoutSecret(body: unknown): unknown {
  return { ...(body as Record<string, unknown>), secret: null };
}

function replay(response: Response, earlier: KeptAnswer, requestId: string): void {
  response.set("Idempotency-Replayed", "true");
  if (earlier.status >= 400) {
    response.status(earlier.status).type("application/problem+json");
    response.send(JSON.stringify({ ...(earlier.body as object), requestId }));
  } else sendJson(response, earlier.status, earlier.body);
}

/** A handler that has written the answer itself (a stream, a text) returns nothing. */
function answer(deps: HttpDeps, route: Route, response: Response, body: unknown): void {
  if (response.headersSent) return;
  noteAnswer(route, body);
  if (deps.checkAnswers && route.response !== undefined) route.response.parse(body);
  sendJson(response, route.status, body);
}

function sendJson(response: Response, status: number, body: unknown): void {
  if (status === 204) return void response.status(204).end();
  tagRecord(response, body);
  const text = JSON.stringify(body);
  if (text === undefined || needsExpress(response)) return void response.status(status).json(body);
  response.statusCode = status;
  response.setHeader("Content-Type", JSON_TYPE);
  response.setHeader("Content-Length", Buffer.byteLength(text));
  response.end(text);
}

const JSON_TYPE = "application/json; charset=utf-8";

/** For an answer that may have to go without its body, or has a type of its own; all others need none of its detours. */
function needsExpress(response: Response): boolean {
  const { method, headers } = response.req;
  const isConditional = headers["if-none-match"] !== undefined || headers["if-modified-since"] !== undefined;
  return method === "HEAD" || isConditional || response.hasHeader("content-type");
}

export function answerErrors(deps: HttpDeps) {
  return (thrown: unknown, _request: Request, response: Response, _next: NextFunction): void => {
    const problem = asProblem(thrown);
    const { requestId } = factsOf(response);
    if (problem.status >= 500) deps.base.log.error({ err: problem.cause ?? problem }, problem.message);
    if (response.headersSent) response.destroy();
    else sendProblem(response, problem, requestId);
  };
}
