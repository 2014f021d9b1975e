import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ProblemAnswer, problemAnswer } from "./answer.ts";
import { type Forward, isAnswer, NO_ANSWER, openUpstream, type Upstreams } from "./forward.ts";
import { endToEnd } from "./headers.ts";
import { limits } from "./settings.ts";

/** WebSockets and other upgrades: the handshake goes to the service, and once it agrees the two ends are joined. */
export function forwardUpgrade(
  upstreams: Upstreams,
  to: Forward,
  request: IncomingMessage,
  client: Duplex,
  requestId: string,
): void {
  const protocol = request.headers.upgrade ?? "";
  const unreachable = (why: string | undefined) =>
    refuseUpgrade(client, problemAnswer("upstream_unreachable", `${to.service}: ${why}.`, requestId));
  const upstream = openUpstream(upstreams, to, request, requestId, {
    connection: "Upgrade",
    upgrade: protocol,
  });
  upstream.once("upgrade", (answer, service: Socket, early: Buffer) => {
    client.write(head(answer, { connection: "Upgrade", upgrade: answer.headers.upgrade ?? protocol }));
    client.write(early);
    join(client as Socket, service);
  });
  upstream.once("response", (answer) => {
    if (!isAnswer(answer)) return unreachable(NO_ANSWER);
    client.write(head(answer, { connection: "close" }));
    answer.pipe(client);
    // Cut off half-way: the client must not wait for the rest.
    answer.once("error", () => client.destroy());
    answer.once("end", () => letGo(client));
  });
  upstream.once("error", (error: NodeJS.ErrnoException) => unreachable(error.code));
  client.once("error", () => upstream.destroy());
  client.once("close", () => upstream.destroy());
  upstream.end();
}

export function refuseUpgrade(client: Duplex, { status, headers, body }: ProblemAnswer): void {
  const lines = Object.entries({ ...headers, connection: "close" }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  client.end([`HTTP/1.1 ${status} Refused`, ...lines, "", body].join("\r\n"));
  letGo(client);
}

/** The server has handed the connection over and watches it no more: one whose other end stays open would be held for ever. */
function letGo(client: Duplex): void {
  client.resume();
  const cut = setTimeout(() => client.destroy(), limits.lingerMs);
  client.once("close", () => clearTimeout(cut));
}

function head(answer: IncomingMessage, more: Readonly<Record<string, string>>): string {
  const headers = { ...endToEnd(answer.headers), ...more };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${name}: ${String(one)}`),
  );
  return [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`, ...lines, "", ""].join("\r\n");
}

function join(client: Socket, service: Socket): void {
  for (const [one, other] of [
    [client, service],
    [service, client],
  ] as const) {
    one.removeAllListeners("timeout");
    one.setTimeout(limits.upgradedIdleMs, () => one.destroy());
    one.on("error", () => other.destroy());
    one.once("close", () => other.destroy());
    // Whoever has said all it had to say is not kept waiting for ever by the other.
    one.once("end", () => other.setTimeout(limits.halfOpenMs));
    one.pipe(other);
  }
}
