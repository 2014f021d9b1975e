import { createServer, type Server } from "node:http";
import express, { type Express, type RequestHandler, type Response, type Router } from "express";
import { canonicalPath } from "../../contract/alias.ts";
import { ProblemError } from "../../contract/errors.ts";
import { limits } from "../config/limits.ts";
import type { HttpDeps } from "./deps.ts";
import { docsRouter } from "./docs.ts";
import { answerErrors, begin, wrap } from "./wrap.ts";

/**
 * The only door to Express. It mounts the contract's routes and wraps each handler once (wrap.ts): ids, key, body,
 * checks, idempotency, answer, log line, metric. It promises a problem+json with a stable code for whatever goes wrong, unknown paths and
 * methods included, and takes no decision of its own: what is allowed and what happens lives in service/app.
 */
export function createApp(deps: HttpDeps): Express {
  const app = express();
  app.disable("x-powered-by").disable("etag").set("query parser", "simple");
  app.set("trust proxy", deps.base.settings.trustedProxies);
  app.use((request, _response, next) => {
    request.url = canonicalPath(request.url);
    next();
  });
  app.use(begin(deps), securityHeaders, contractRoutes(deps));
  app.use(["/docs", "/openapi.json"], byAddress(deps));
  app.use(docsRouter(deps.openApi));
  app.use((request) => {
    throw pathNotFound(deps, request.path);
  });
  app.use(answerErrors(deps));
  return app;
}

/**
 * The contract's routes, in a router for each resource: Express holds a path against one route after the other, and so a
 * request is held against those of its own resource alone.
 */
function contractRoutes(deps: HttpDeps): RequestHandler {
  const routers = new Map<string, Router>();
  const routerFor = (path: string) => {
    const router = routers.get(resourceOf(path)) ?? express.Router();
    routers.set(resourceOf(path), router);
    return router;
  };
  const methods = new Map<string, string[]>();
  for (const [operationId, route] of Object.entries(deps.routes)) {
    const handler = deps.handlers[operationId];
    if (handler === undefined) continue;
    routerFor(route.path)[route.method](route.path, wrap(deps, operationId, route, handler));
    methods.set(route.path, [...(methods.get(route.path) ?? []), route.method.toUpperCase()]);
  }
  for (const [path, allowed] of methods) {
    routerFor(path).all(path, (request, response) => methodNotAllowed(request.method, allowed, response));
  }
  return (request, response, next) => {
    const router = routers.get(resourceOf(request.path));
    return router === undefined ? next() : router(request, response, next);
  };
}

/** `/v1/control-plane/tenants/…` → `tenants`; whatever is not below there is together. Routes know no upper case either. */
function resourceOf(path: string): string {
  return path.split("/", 4)[3]?.toLowerCase() ?? "";
}

/** Pages for everybody, whoever it is: counted as all that comes without a key. */
function byAddress({ limits: rates }: HttpDeps): RequestHandler {
  return async (request, response, next) => {
    rates.refuseAddress(request.ip, response);
    await rates.countAddress(request.ip);
    next();
  };
}

function pathNotFound({ base }: HttpDeps, path: string): ProblemError {
  if (base.settings.role === "worker") {
    return new ProblemError("route_not_found", {
      detail: `Cannot find ${path}: this service is a worker and answers about itself only.`,
      hint: "Ask a service with the role api or all.",
    });
  }
  return new ProblemError("route_not_found", {
    detail: `Cannot find ${path}: there is no such path.`,
    hint: "The paths are listed at /docs and in /openapi.json.",
  });
}

function methodNotAllowed(method: string, allowed: readonly string[], response: Response): never {
  response.set("Allow", allowed.join(", "));
  throw new ProblemError("method_not_allowed", {
    detail: `Cannot ${method} this path: it takes ${allowed.join(", ")}.`,
    hint: "The methods of each path are listed at /docs.",
  });
}

const SECURITY_HEADERS = Object.entries({
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cache-Control": "no-store",
});

function securityHeaders(_request: express.Request, response: Response, next: express.NextFunction): void {
  for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value);
  next();
}

export interface Listening {
  readonly url: string;
  /** Stops taking requests, waits for those under way up to the time, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

export async function listen(app: Express, address: { host: string; port: number }): Promise<Listening> {
  const server = createServer({ maxHeaderSize: limits.headerBytes }, app);
  server.requestTimeout = limits.requestTimeoutMs;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(address, cause)));
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string")
    throw new Error("Cannot tell the port the service listens on");
  const host = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return { url: `http://${host}:${bound.port}`, close: (graceMs) => closeServer(server, graceMs) };
}

export class CannotListen extends Error {}

function cannotListen({ host, port }: { host: string; port: number }, cause: NodeJS.ErrnoException): Error {
  const why = cause.code === "EADDRINUSE" ? "another program listens there" : cause.message;
  return new CannotListen(
    `Cannot start: ${host} port ${port} must be free to listen on, but ${why}. Choose another with --port, 0 for any.`,
    { cause },
  );
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
