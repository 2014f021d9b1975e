import { EXIT, usageFailure } from "../exit.ts";
import { readBody } from "./files.ts";
import { argument, type CommandSpec, OPTIONS, text, texts } from "./spec.ts";

const BASE = "/v1/control-plane";
const OUTSIDE = /^\/(v1|health|readiness|metrics|openapi\.json|docs)(\/|$|\?)/;

/** Any request at all, with the client's key, retries and failures. */
export const rawCommand: CommandSpec = {
  noun: "api",
  verb: "",
  summary: "Send any request, and print the answer as it comes",
  description: `A path is below ${BASE} unless it begins with /v1 or is one of the service's own, such as /health.`,
  args: [
    { name: "method", description: "GET, POST, PUT, PATCH or DELETE", required: true },
    { name: "path", description: "such as /tenants?limit=1", required: true },
  ],
  options: [
    {
      name: "data",
      short: "d",
      value: "json",
      description: "the body as JSON or YAML; @path reads a file, @- standard input",
    },
    { name: "header", short: "H", value: "name:value", many: true, description: "may be repeated" },
    OPTIONS.idempotencyKey,
  ],
  noJson: true,
  async run(input, session) {
    const method = argument(input, "method");
    if (!/^(get|post|put|patch|delete)$/i.test(method))
      throw usageFailure(`Cannot send: the method must be GET, POST, PUT, PATCH or DELETE, got "${method}".`);
    const given = argument(input, "path");
    const path = OUTSIDE.test(given) ? given : `${BASE}${given.startsWith("/") ? "" : "/"}${given}`;
    const data = text(input, "data");
    const body = data === undefined ? undefined : await bodyOf(data);
    const headers = Object.fromEntries(texts(input, "header").map(headerOf));
    const idempotencyKey = text(input, "idempotency-key");
    const answer = await session.client().call({ method, path, headers, idempotencyKey, body });
    session.io.out(answer.text === "" || answer.text.endsWith("\n") ? answer.text : `${answer.text}\n`);
    return EXIT.done;
  },
};

async function bodyOf(data: string): Promise<unknown> {
  if (data.startsWith("@")) return readBody(data.slice(1));
  const { parse } = await import("yaml");
  try {
    return parse(data);
  } catch (cause) {
    throw usageFailure(`Cannot read --data: it must be JSON or YAML. ${(cause as Error).message}`);
  }
}

function headerOf(said: string): [string, string] {
  const colon = said.indexOf(":");
  if (colon < 1) throw usageFailure(`Cannot read --header: it must be NAME:VALUE, got "${said}".`);
  return [said.slice(0, colon).trim(), said.slice(colon + 1).trim()];
}
