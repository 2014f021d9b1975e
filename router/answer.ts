import type { ServerResponse } from "node:http";
import { ROUTER_PROBLEMS, type RouterProblemCode } from "../contract/routingSnapshot.ts";

/** When a client should ask again; a suspended tenant's is longer, as only a person ends it. */
const RETRY_AFTER_SECONDS: Partial<Record<RouterProblemCode, number>> = {
  tenant_suspended: 300,
  routing_unavailable: 2,
};

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function problemAnswer(code: RouterProblemCode, detail: string, requestId: string): ProblemAnswer {
  const { status, title } = ROUTER_PROBLEMS[code];
  const body = JSON.stringify({
    type: `urn:tenantry:problem:${code}`,
    ...{ title, status, detail, code, requestId },
  });
  const retryAfter = RETRY_AFTER_SECONDS[code];
  return {
    status,
    body,
    headers: {
      "content-type": "application/problem+json",
      "content-length": String(Buffer.byteLength(body)),
      "cache-control": "no-store",
      "x-request-id": requestId,
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    },
  };
}

export function sendAnswer(response: ServerResponse, { status, headers, body }: ProblemAnswer): void {
  response.writeHead(status, headers).end(body);
}
