import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";

/** Of one connection only (RFC 9110, 7.6.1); what Connection names goes too. */
const HOP_BY_HOP = [
  ...["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"],
  ...["te", "trailer", "transfer-encoding", "upgrade"],
];

/** Connection may not name these: a body without its length would be read as the next request. */
const NEVER_OF_ONE_HOP = new Set(["content-length", "host"]);

export function endToEnd(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const dropped = new Set([...HOP_BY_HOP, ...named.filter((name) => !NEVER_OF_ONE_HOP.has(name))]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}

export interface Forwarded {
  readonly requestId: string;
  readonly prefix: string;
  readonly targetId: string;
}

/** The request's headers as the service gets them. The host stays the tenant's: services build links with it. */
export function upstreamHeaders(request: IncomingMessage, forwarded: Forwarded): OutgoingHttpHeaders {
  const headers = endToEnd(request.headers);
  delete headers.expect;
  // The standard form of what follows, which nobody on the way here has checked.
  delete headers.forwarded;
  const client = request.socket.remoteAddress ?? "unknown";
  const before = request.headers["x-forwarded-for"];
  return {
    ...headers,
    ...framing(request),
    "x-forwarded-for": before === undefined ? client : `${String(before)}, ${client}`,
    "x-forwarded-host": request.headers.host,
    "x-forwarded-proto": request.headers["x-forwarded-proto"] ?? "http",
    "x-forwarded-prefix": forwarded.prefix,
    "x-request-id": forwarded.requestId,
    "x-tenantry-target": forwarded.targetId,
  };
}

/** Said in so many words: left to Node, a DELETE with a body would be sent without any framing. */
function framing(request: IncomingMessage): OutgoingHttpHeaders {
  return request.headers["transfer-encoding"] === undefined ? {} : { "transfer-encoding": "chunked" };
}

export function hasBody(request: IncomingMessage): boolean {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== "0");
}
