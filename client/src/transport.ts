/**
 * One request to the control plane, as every client of it sends one. It promises: the key goes to the named service and nowhere
 * else, as redirects are not followed; a mutation carries an Idempotency-Key, so that sending it again does nothing twice.
 * It does not try again and does not read the answer; retry.ts says when trying again is worth it.
 */
export interface TransportOptions {
  readonly url: string | URL;
  /** Asked for when the first request needs it. */
  readonly apiKey: () => string;
  readonly userAgent?: string | undefined;
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
}

export interface TransportCall {
  readonly method: string;
  /** From the first slash on. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Transport {
  send(call: TransportCall, signal: AbortSignal): Promise<Response>;
  /** A request that was made elsewhere, with what each of ours has. */
  dispatch(request: Request): Promise<Response>;
}

export function createTransport({
  url,
  apiKey,
  userAgent,
  fetch: send = fetch,
}: TransportOptions): Transport {
  let key: string | undefined;
  const dispatch = (request: Request): Promise<Response> => {
    key ??= apiKey();
    request.headers.set("authorization", `Bearer ${key}`);
    if (userAgent !== undefined) request.headers.set("user-agent", userAgent);
    if (request.method !== "GET" && !request.headers.has("idempotency-key")) {
      request.headers.set("idempotency-key", crypto.randomUUID());
    }
    return send(request);
  };
  return { dispatch, send: async (call, signal) => dispatch(requestOf(url, call, signal)) };
}

function requestOf(url: string | URL, call: TransportCall, signal: AbortSignal): Request {
  // Below the service's own path, such as a gateway's prefix, and never on another host.
  const { origin, pathname } = new URL(url);
  const target = new URL(`${origin}${pathname.replace(/\/+$/, "")}${call.path}`);
  for (const [name, value] of Object.entries(call.query ?? {})) target.searchParams.set(name, value);
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  return new Request(target, {
    method: call.method.toUpperCase(),
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...call.headers },
    redirect: "manual",
    signal,
    ...(body === undefined ? {} : { body }),
  });
}
