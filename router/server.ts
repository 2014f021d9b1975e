import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { type RouterProblemCode, SHARED_HOST_HEADER } from "../contract/routingSnapshot.ts";
import { type ProblemAnswer, problemAnswer, sendAnswer } from "./answer.ts";
import { type Asked, type Decision, decide } from "./decide.ts";
import { createUpstreams, forward, type Resolve } from "./forward.ts";
import { hasBody } from "./headers.ts";
import type { RouterMetrics } from "./metrics.ts";
import type { Routing } from "./routing.ts";
import { limits } from "./settings.ts";
import { forwardUpgrade, refuseUpgrade } from "./upgrade.ts";

/** Its body would never be sent on, and the service would take for it what the next user asks. */
const UPGRADE_WITH_BODY =
  "A request to change the protocol must have no body. Leave out Upgrade or the body.";

export interface RouterOptions {
  readonly host: string;
  readonly port: number;
  readonly healthPath: string;
  readonly publicDomain?: string | undefined;
  readonly maxConnections: number;
  readonly routing: Routing;
  readonly resolve: Resolve;
  readonly log: Logger;
  readonly metrics?: RouterMetrics | undefined;
}

export interface Router {
  readonly url: string;
  /** Says at once that it is going, lets requests end for `drainMs`, and cuts off the rest. */
  stop(drainMs: number): Promise<void>;
}

export async function startRouter(options: RouterOptions): Promise<Router> {
  const { routing, log, metrics } = options;
  const upstreams = createUpstreams(options.resolve);
  let stopping = false;
  // The server forgets a connection that it has handed over to another protocol.
  const upgraded = new Set<Duplex>();
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    requireHostHeader: true,
  });
  server.maxConnections = options.maxConnections;
  server.on("drop", () =>
    log.warn({ limit: options.maxConnections }, "too many connections: one was dropped"),
  );

  server.on("request", (request, response) => {
    const requestId = requestIdOf(request);
    const decision = decide(routing.current(), asked(request, options));
    logEnd(log, request, response, requestId, decision);
    if (metrics !== undefined) count(metrics, response, decision);
    if (stopping) response.setHeader("connection", "close");
    if (decision.kind === "forward") forward(upstreams, decision, request, response, requestId);
    else {
      sendAnswer(response, answerTo(decision, requestId, routing, stopping));
      request.resume();
    }
  });
  server.on("upgrade", (request, socket) => {
    const requestId = requestIdOf(request);
    const decision = decide(routing.current(), asked(request, options));
    upgraded.add(socket);
    socket.on("error", () => socket.destroy()).once("close", () => upgraded.delete(socket));
    logUpgradeEnd(log, request, socket, requestId, decision);
    if (hasBody(request)) refuseUpgrade(socket, problemAnswer("bad_upgrade", UPGRADE_WITH_BODY, requestId));
    else if (decision.kind === "forward") forwardUpgrade(upstreams, decision, request, socket, requestId);
    else refuseUpgrade(socket, answerTo(decision, requestId, routing, stopping));
  });

  await listening(server, options);
  const { address, port } = server.address() as AddressInfo;
  return {
    url: `http://${address.includes(":") ? `[${address}]` : address}:${port}`,
    async stop(drainMs) {
      stopping = true;
      await closed(server, upgraded, drainMs);
      upstreams.agent.destroy();
    },
  };
}

function asked(request: IncomingMessage, { healthPath, publicDomain }: RouterOptions): Asked {
  const tenant = request.headers[SHARED_HOST_HEADER];
  return {
    ...{ host: request.headers.host, url: request.url ?? "/", healthPath, publicDomain },
    tenant: tenant === undefined ? undefined : String(tenant),
  };
}

function count(metrics: RouterMetrics, response: ServerResponse, decision: Decision): void {
  if (decision.kind === "health") return;
  const outcome = decision.kind === "forward" ? "forwarded" : decision.code;
  const end = metrics.requestSeconds.startTimer({ outcome });
  response.once("close", () => {
    end();
    metrics.requests.inc({ outcome, status: response.headersSent ? String(response.statusCode) : "none" });
  });
}

function answerTo(
  decision: Exclude<Decision, { kind: "forward" }>,
  requestId: string,
  routing: Routing,
  stopping: boolean,
): ProblemAnswer {
  if (decision.kind === "problem") return problemAnswer(decision.code, decision.detail, requestId);
  return healthAnswer(routing, stopping);
}

/**
 * Ready once it has a routing: a router without one would answer every tenant's users with an error. On a plane that is new
 * nothing has been published yet, and a router that knows that is as ready as it can be.
 */
function healthAnswer(routing: Routing, stopping: boolean): ProblemAnswer {
  const table = routing.current();
  const source = routing.source();
  const empty = table === undefined && source === "none";
  const ready = (table !== undefined || empty) && !stopping;
  const body = JSON.stringify({
    status: stopping ? "stopping" : !ready ? "no_routing" : empty ? "empty" : "ready",
    source,
    planeName: table?.planeName ?? null,
    version: table?.version ?? null,
    restores: table?.restores ?? null,
    publishedAt: table?.publishedAt ?? null,
    hosts: table?.hosts.size ?? 0,
  });
  const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
  return { status: ready ? 200 : 503, headers, body };
}

/** The caller's, when it is one that a log line can bear. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID();
}

function logEnd(
  log: Logger,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  decision: Decision,
): void {
  if (decision.kind === "health" || !log.isLevelEnabled("info")) return;
  const startedAt = performance.now();
  response.once("close", () => {
    log.info(
      {
        ...{ requestId, ...about(request, decision) },
        status: response.headersSent ? response.statusCode : null,
        complete: response.writableFinished,
        ms: Math.round(performance.now() - startedAt),
      },
      "request",
    );
  });
}

/** What was said within it is nobody's business here; that somebody was joined to a service, and for how long, is. */
function logUpgradeEnd(
  log: Logger,
  request: IncomingMessage,
  socket: Duplex,
  requestId: string,
  decision: Decision,
): void {
  const startedAt = performance.now();
  socket.once("close", () => {
    const ms = Math.round(performance.now() - startedAt);
    const upgrade = request.headers.upgrade?.slice(0, LOGGED_PROTOCOL_CHARS);
    log.info({ requestId, ...about(request, decision), upgrade, ms }, "upgrade");
  });
}

const LOGGED_PROTOCOL_CHARS = 80;

function about({ method, headers }: IncomingMessage, decision: Decision) {
  const to = decision.kind === "forward" ? { service: decision.service, targetId: decision.targetId } : {};
  const code: RouterProblemCode | undefined = decision.kind === "problem" ? decision.code : undefined;
  return { method, host: headers.host, ...to, code };
}

function listening(server: Server, { host, port }: RouterOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}

function closed(server: Server, upgraded: ReadonlySet<Duplex>, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
    }, drainMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
