import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isMutation, type Route } from "../../contract/route.ts";
import { type OperationId, routes } from "../../contract/routes.ts";
import type { ApiKeyRole } from "../../contract/vocabulary.ts";
import { createMetrics } from "../metrics.ts";
import { authorizationMatrix } from "./authorizationMatrix.ts";
import { refuseRole } from "./authorize.ts";
import type { RequestContext } from "./context.ts";
import { scopeRuleOf } from "./environmentScope.ts";
import { roleCovers } from "./roleCovers.ts";

const all = Object.entries(routes as Readonly<Record<string, Route>>);

describe("the authorization matrix", () => {
  it("is the one that is committed (npm run contract)", () => {
    const committed = readFileSync(new URL("../../docs/authorization.md", import.meta.url), "utf8");
    expect(authorizationMatrix()).toBe(committed);
  });

  it("has every operation", () => {
    const matrix = authorizationMatrix();
    for (const [operationId] of all) expect(matrix).toContain(`| ${operationId} |`);
  });

  it("gives an auditor nothing that changes anything but the record of what was done", () => {
    const mutations = all.filter(([, route]) => isMutation(route) && route.role === "auditor");
    // Each looks at what would be done, and does nothing.
    for (const [operationId] of mutations)
      expect(operationId).toMatch(/(Preview|Diff|Evaluation|Evaluate|Preflight)/);
  });

  it("refuses a mutation that nobody has said the reach of to keys for some environments", () => {
    const unknown = { method: "post", path: "/v1/control-plane/new", role: "fleet_operator" } as Route;
    expect(scopeRuleOf("newThing" as OperationId, unknown)).toBe("all environments");
  });
});

describe("a role", () => {
  it("that is unknown, or none, covers nothing", () => {
    for (const needed of ["auditor", "fleet_operator", "fleet_admin"] as const) {
      expect(roleCovers(null, needed)).toBe(false);
      expect(roleCovers("root" as ApiKeyRole, needed)).toBe(false);
      expect(roleCovers("fleet_admin", needed)).toBe(true);
    }
    expect(roleCovers("auditor", "root" as ApiKeyRole)).toBe(false);
    expect(roleCovers("fleet_admin", "root" as ApiKeyRole)).toBe(false);
  });

  it("covers no action that the contract does not have", async () => {
    const principal = { kind: "api_key", id: "k", name: "k", role: "fleet_admin" };
    const denied: unknown[] = [];
    const context = {
      principal,
      metrics: createMetrics(),
      registry: { change: async () => void denied.push("written") },
    } as unknown as RequestContext;
    await expect(refuseRole(context, "tenantObliterate" as OperationId)).rejects.toMatchObject({
      code: "forbidden",
    });
    expect(denied).toEqual(["written"]);
  });
});
