import autocannon from "autocannon";
import { own } from "../cpu.ts";

/** Requests of one kind, each of its own making. */
export interface Load {
  readonly name: string;
  readonly method?: "GET" | "POST";
  readonly path: (turn: number) => string;
  readonly body?: (turn: number) => unknown;
  readonly status: number;
}

export interface Endpoint {
  readonly url: string;
  readonly key: string;
  /** Of the process that answers. */
  readonly pid: number;
}

export interface LoadFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU milliseconds of one request: less at the mercy of what else runs on the machine. */
  readonly cpuMs: number;
}

let turn = 0;

/** Sends as fast as answers come, over so many connections. An answer that is not the right one ends the benchmark. */
export async function measureLoad(
  { url, key, pid }: Endpoint,
  load: Load,
  { seconds, connections }: { readonly seconds: number; readonly connections: number },
): Promise<LoadFigures> {
  const { method = "GET", path, body, status, name } = load;
  let wrong = "";
  const cpuBefore = own(pid);
  const result = await autocannon({
    ...{ url, connections, duration: seconds, workers: 0 },
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    requests: [
      {
        method,
        setupRequest: (request) => {
          turn += 1;
          return { ...request, path: path(turn), ...(body && { body: JSON.stringify(body(turn)) }) };
        },
        onResponse: (got, text) => {
          if (got !== status) wrong ||= `${got} ${text.slice(0, 300)}`;
        },
      },
    ],
  });
  if (wrong !== "" || result.errors > 0)
    throw new Error(
      `Cannot go on: ${name} must be answered with ${status}, got ${wrong || `${result.errors} errors`}`,
    );
  const answered = result["2xx"];
  return {
    perSecond: answered / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuMs: ((own(pid) - cpuBefore) * 1_000) / answered,
  };
}
