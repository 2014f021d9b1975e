import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { problemAnswer, sendAnswer } from "./answer.ts";
import type { Decision } from "./decide.ts";
import { endToEnd, hasBody, upstreamHeaders } from "./headers.ts";
import { type Address, limits } from "./settings.ts";

export type Forward = Extract<Decision, { kind: "forward" }>;

/** Where a private name is to be connected to. */
export type Resolve = (name: string) => Address;

export interface Upstreams {
  readonly resolve: Resolve;
  readonly agent: Agent;
}

export function createUpstreams(resolve: Resolve): Upstreams {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: limits.socketsPerUpstream,
    maxFreeSockets: limits.freeSocketsPerUpstream,
  });
  return { resolve, agent };
}

/** Safe to send again: nothing of it can have been done twice. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS"]);

/** Streams the request to the service and its answer back. Nothing is buffered, so memory does not grow with bodies. */
export function forward(
  upstreams: Upstreams,
  to: Forward,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): void {
  const withBody = hasBody(request);
  const send = (again: boolean) => {
    const upstream = openUpstream(upstreams, to, request, requestId);
    upstream.once("response", (answer) => {
      if (isAnswer(answer)) pass(answer, response, requestId);
      else fail(new NoAnswer(), to, response, requestId);
    });
    // Nobody has asked it to change the protocol.
    upstream.once("upgrade", (_answer, socket) => {
      socket.destroy();
      fail(new NoAnswer(), to, response, requestId);
    });
    upstream.once("error", (error: NodeJS.ErrnoException) => {
      // The service closed an idle connection just as it was used: told by a reset on one that had served before.
      const stale = upstream.reusedSocket && error.code === "ECONNRESET";
      const repeatable = !withBody && REPEATABLE.has(request.method ?? "");
      if (again && stale && repeatable && !response.headersSent) return send(false);
      fail(error, to, response, requestId);
    });
    response.once("close", () => upstream.destroy());
    if (withBody) request.pipe(upstream);
    else upstream.end();
  };
  send(true);
}

export function openUpstream(
  { resolve, agent }: Upstreams,
  to: Forward,
  request: IncomingMessage,
  requestId: string,
  more: Readonly<Record<string, string>> = {},
): ClientRequest {
  const { prefix, targetId, path } = to;
  const { host, port } = resolve(to.name);
  const headers = { ...upstreamHeaders(request, { requestId, prefix, targetId }), ...more };
  const upstream = httpRequest({
    ...{ agent, host, port, path, headers, method: request.method ?? "GET" },
    maxHeaderSize: limits.headerBytes,
  });
  guard(upstream);
  return upstream;
}

/** A silent service: first while connecting, then while it owes an answer or the rest of one. */
function guard(upstream: ClientRequest): void {
  upstream.on("socket", (socket) => {
    const silent = (ms: number) => socket.setTimeout(ms, () => upstream.destroy(new UpstreamTimeout(ms)));
    socket.removeAllListeners("timeout");
    if (!socket.connecting) return void silent(limits.upstreamIdleMs);
    silent(limits.connectMs);
    socket.once("connect", () => {
      socket.removeAllListeners("timeout");
      silent(limits.upstreamIdleMs);
    });
  });
}

/** A status that is none cannot be passed on: to write it throws, and one tenant's service must not end all others' router. */
export function isAnswer({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200;
}

export const NO_ANSWER = "it gave an answer that is none";

class NoAnswer extends Error {
  constructor() {
    super(NO_ANSWER);
  }
}

class UpstreamTimeout extends Error {
  constructor(ms: number) {
    super(`it was silent for ${ms} ms`);
  }
}

function pass(answer: IncomingMessage, response: ServerResponse, requestId: string): void {
  const headers = endToEnd(answer.headers);
  response.writeHead(answer.statusCode ?? 502, { ...headers, "x-request-id": requestId });
  // Events are to arrive when they are sent, not with the first chunk of a body.
  response.flushHeaders();
  answer.pipe(response);
  // Cut off half-way: the client must not take what it has for the whole.
  answer.once("error", () => response.destroy());
  answer.once("aborted", () => response.destroy());
}

function fail(error: Error, to: Forward, response: ServerResponse, requestId: string): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const code = error instanceof UpstreamTimeout ? "upstream_timeout" : "upstream_unreachable";
  sendAnswer(
    response,
    problemAnswer(code, `${to.service} could not be asked: ${inWords(error)}.`, requestId),
  );
}

/** Addresses are the plane's business; the client gets the kind of failure only. */
function inWords(error: NodeJS.ErrnoException): string {
  if (error instanceof UpstreamTimeout || error instanceof NoAnswer) return error.message;
  return error.code ?? "the connection failed";
}
