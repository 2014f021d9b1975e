import { Agent, request as httpRequest, type OutgoingHttpHeaders } from "node:http";

export interface Sent {
  readonly method: string;
  /** As on the wire: encoded, with the query. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Buffer | undefined;
}

export interface Received {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly requestId: string | undefined;
}

const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const SLOWEST_MS = 10_000;

/** With `http` itself: `fetch` would tidy up much of what is broken on purpose. An event stream is read no further than its head. */
export function send(origin: string, { method, path, headers, body }: Sent): Promise<Received> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = httpRequest({ hostname, port, method, path, agent, headers: { ...length, ...headers } });
    request.setTimeout(SLOWEST_MS, () => request.destroy(new Error(`no answer within ${SLOWEST_MS} ms`)));
    request.on("error", reject);
    request.on("response", (response) => {
      const type = (response.headers["content-type"] ?? "").split(";")[0] ?? "";
      const requestId = response.headers["x-request-id"];
      const received = { status: response.statusCode ?? 0, type, requestId: requestId?.toString() };
      if (type === "text/event-stream") {
        resolve({ ...received, text: "" });
        response.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ ...received, text: Buffer.concat(chunks).toString("utf8") }));
    });
    request.end(body);
  });
}

export function closeConnections(): void {
  agent.destroy();
}

/** To be pasted into a shell; the key is left to its reader. */
export function asCurl({ method, path, headers, body }: Sent): string {
  const { authorization: _key, ...others } = headers;
  const flags = Object.entries(others).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  const data = body === undefined ? [] : [`--data-binary ${quoted(body.toString().slice(0, 600))}`];
  return ["curl -X", method, quoted(`$URL${path.slice(0, 400)}`), ...flags, ...data].join(" ");
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
