import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { createOpenapiDocument, errorCodesOf, isConditional, openapiText } from "./openapi.ts";
import { isMutation, type Route } from "./route.ts";
import { OPERATION_IDS, routes } from "./routes.ts";

const committed = readFileSync(new URL("./openapi.json", import.meta.url), "utf8");
const document = JSON.parse(committed) as {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { example?: unknown }>; examples: Record<string, unknown> };
};
interface Media {
  example?: unknown;
  examples?: Record<string, { $ref: string }>;
}
interface Operation {
  requestBody?: { content: Record<string, Media> };
  operationId: string;
  security?: unknown[];
  parameters?: { in: string; name: string; schema: object }[];
  responses: Record<string, { content?: Record<string, Media> }>;
}
function exampleOf(media: Media | undefined): unknown {
  const [first] = Object.values(media?.examples ?? {});
  const name = first?.$ref.slice(first.$ref.lastIndexOf("/") + 1) ?? "";
  return media?.example ?? (document.components.examples[name] as { value?: unknown } | undefined)?.value;
}
const all = Object.entries(routes) as [string, Route][];
const operationOf = (route: Route) =>
  document.paths[route.path.replace(/:([A-Za-z]+)/g, "{$1}")]?.[route.method] as Operation;

describe("openapi.json", () => {
  it("is what the contract says; if not, run: npm run contract", () => {
    expect(openapiText()).toBe(committed);
  });

  it("is OpenAPI 3.1 with every operation once", () => {
    expect(document.openapi).toBe("3.1.0");
    const described = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(described.map((operation) => operation.operationId).sort()).toEqual([...OPERATION_IDS].sort());
    expect(createOpenapiDocument().paths).toBeDefined();
  });

  it("has no reference that leads nowhere", () => {
    const references = [...committed.matchAll(/"\$ref": "#\/components\/(\w+)\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(100);
    const components = document.components as unknown as Record<string, Record<string, unknown>>;
    for (const [, kind = "", name = ""] of references) expect(components[kind]?.[name]).toBeDefined();
  });

  it.each(all)("%s names its parameters, its answer and each of its errors", (_id, route) => {
    const operation = operationOf(route);
    const named = (operation.parameters ?? []).map((parameter) => `${parameter.in} ${parameter.name}`);
    for (const [, name] of route.path.matchAll(/:([A-Za-z]+)/g)) expect(named).toContain(`path ${name}`);
    expect(named.includes("header Idempotency-Key")).toBe(isMutation(route));
    expect(named.includes("header If-Match")).toBe(route.ifMatch !== undefined);
    if (route.ifMatch !== undefined) expect(route.errors).toContain("version_conflict");
    expect(operation.responses[String(route.status)]).toBeDefined();
    expect(named.includes("header If-None-Match")).toBe(isConditional(route));
    expect("304" in operation.responses).toBe(isConditional(route));
    const answers = JSON.stringify(operation.responses);
    for (const code of errorCodesOf(route)) expect(answers).toContain(`#/components/examples/${code}`);
    expect(operation.security === undefined).toBe(route.role !== null);
  });
});

describe("the route table", () => {
  it("opens nothing but the service's own pages without a key", () => {
    const open = all.filter(([, route]) => route.role === null).map(([, route]) => route.path);
    expect(open.sort()).toEqual(["/docs", "/health", "/openapi.json", "/readiness"]);
  });

  it("lets an auditor read and nothing else", () => {
    const others = all.filter(([, route]) => route.role === "auditor" && route.method !== "get");
    // Each compares what it is sent with what is recorded, and writes nothing.
    expect(others.map(([id]) => id)).toEqual(["driftRepairPreview", "manifestDiff", "policyEvaluate"]);
  });

  it("pages every list and bounds the page", () => {
    // Bounded by what a plan may hold, and wanted whole.
    const whole = ["entitlementList", "retentionList"];
    for (const [id, route] of all.filter(([name]) => name.endsWith("List") && !whole.includes(name))) {
      const limit = operationOf(route).parameters?.find(({ name }) => name === "limit");
      expect(limit, id).toMatchObject({ in: "query", schema: { minimum: 1, maximum: 200 } });
    }
  });

  it("refuses unknown members in every body and query", () => {
    for (const [id, route] of all) {
      for (const schema of [route.body, route.query]) {
        if (schema === undefined) continue;
        const result = schema.safeParse({ surprise: 1 });
        const codes = result.error?.issues.map((issue) => issue.code) ?? [];
        expect(codes, id).toContain("unrecognized_keys");
      }
    }
  });

  it.each(all)(
    "%s has an example of its request and of its success that its own schemas take",
    (_id, route) => {
      const { requestBody, responses } = operationOf(route);
      for (const [schema, content] of [
        [route.body, requestBody?.content] as const,
        [route.response, responses[String(route.status)]?.content] as const,
      ]) {
        if (schema === undefined) continue;
        const found = exampleOf(content?.["application/json"]);
        expect(found).toBeDefined();
        const told = "give the schema an example that it takes: .meta({ example })";
        expect((schema as z.ZodType).safeParse(found).error?.issues, told).toBeUndefined();
      }
    },
  );

  it("has an example of every answer that is text", () => {
    const bare = all
      .filter(([, { produces }]) => produces !== undefined && produces !== "application/json")
      .filter(
        ([, route]) =>
          exampleOf(operationOf(route).responses[String(route.status)]?.content?.[route.produces ?? ""]) ===
          undefined,
      )
      .map(([id, { produces }]) => `${id}: ${produces}`);
    expect(
      bare.filter((line) => !/zip|octet/.test(line)),
      "add it to TEXT_EXAMPLES in contract/examples.ts",
    ).toEqual([]);
  });

  it("takes an empty body only where it says so", () => {
    for (const [id, route] of all) {
      if (route.bodyOptional === true) expect(route.body?.safeParse({}).success, id).toBe(true);
    }
  });
});
