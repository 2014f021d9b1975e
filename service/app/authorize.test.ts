import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProblemError } from "../../contract/errors.ts";
import { OPERATION_IDS, type OperationId, routes } from "../../contract/routes.ts";
import { API_KEY_ROLES, type ApiKeyRole } from "../../contract/vocabulary.ts";
import { emptyPolicies, file } from "../../test/support/policies.ts";
import { createMetrics } from "../metrics.ts";
import type { Policies } from "../policy/engine.ts";
import { readPolicySet } from "../policy/policySet.ts";
import type { PolicyQuery } from "../policy/query.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";
import { roleCovers } from "./roleCovers.ts";

/** Sets that try to let everybody in, as far as Cedar lets somebody write it. */
const generous = [
  '@id("all") permit (principal, action, resource);',
  '@id("auditors") permit (principal in Tenantry::Role::"auditor", action, resource);',
  '@id("named") permit (principal == Tenantry::Key::"key-1", action, resource) when { principal.role != "x" };',
  '@id("mutate") permit (principal, action in Tenantry::Action::"mutate", resource);',
].map((text) => readPolicySet([file(text)]));

interface Asked {
  readonly role: ApiKeyRole | null;
  readonly policies: Pick<Policies, "decide" | "governsReads">;
  readonly read?: () => Promise<never>;
}

function contextOf({ role, policies, read = () => Promise.reject(new Error("nothing is read")) }: Asked) {
  const denials: string[] = [];
  const registry = {
    read,
    change: async (_context: unknown, _work: unknown) => void denials.push("access.denied"),
  };
  const context = {
    ...{ registry, policy: policies, metrics: createMetrics(), decision: {} },
    principal: { kind: "api_key", id: "key-1", name: "somebody", role },
    ...{ requestId: "request-1", correlationId: "request-1" },
  } as unknown as RequestContext;
  return { context, denials };
}

async function codeOf(asked: Asked, action: OperationId, tenantId?: string): Promise<string> {
  const { context, denials } = contextOf(asked);
  try {
    await authorize(context, action, tenantId);
    return "allowed";
  } catch (thrown) {
    if (thrown instanceof ProblemError) expect(denials).toEqual(["access.denied"]);
    return thrown instanceof ProblemError ? thrown.code : String(thrown);
  }
}

const withRole = OPERATION_IDS.filter((action) => routes[action].role !== null);

describe("authorize", () => {
  it("lets no set of policies make up for a role", async () => {
    const run = fc.asyncProperty(
      fc.constantFrom(...withRole),
      fc.constantFrom(...API_KEY_ROLES, null),
      fc.constantFrom(...generous),
      async (action, role, set) => {
        const needed = routes[action].role;
        fc.pre(needed !== null && !roleCovers(role, needed));
        const asked: PolicyQuery[] = [];
        const policies = emptyPolicies();
        policies.take(set);
        const spied = {
          governsReads: true,
          decide: (query: PolicyQuery) => {
            asked.push(query);
            return policies.decide(query);
          },
        };
        expect(await codeOf({ role, policies: spied }, action)).toBe("forbidden");
        expect(asked).toEqual([]);
      },
    );
    await fc.assert(run, { numRuns: 200 });
  });

  it("denies whatever the evaluator throws or returns that is no permission", async () => {
    const nothing = async () => ({ query: {}, tenant: null }) as never;
    const run = fc.asyncProperty(
      fc.constantFrom(...withRole),
      fc.oneof(
        fc.constant(() => {
          throw new Error("unreachable executed");
        }),
        fc.constant(() => ({ outcome: "error", policies: [], reasons: [], errors: ["x"], version: null })),
        fc.constant(() => ({ outcome: "deny", policies: [], reasons: [], errors: [], version: "1" })),
        fc.constant(() => ({ outcome: "perhaps", policies: [], reasons: [], errors: [], version: "1" })),
        fc.constant(() => undefined),
      ),
      async (action, decide) => {
        const policies = { governsReads: true, decide: decide as never };
        expect(await codeOf({ role: "fleet_admin", policies, read: nothing }, action)).not.toBe("allowed");
      },
    );
    await fc.assert(run, { numRuns: 200 });
  });

  it("denies when what the policies look at cannot be read", async () => {
    const policies = emptyPolicies();
    policies.take(generous[0] as (typeof generous)[number]);
    expect(await codeOf({ role: "fleet_admin", policies }, "tenantDeploy", "some-tenant")).toBe(
      "policy_error",
    );
  });

  it("does not ask for the service's own steps, nor for reads that no policy speaks of", async () => {
    const denying = emptyPolicies();
    const { context } = contextOf({ role: "fleet_operator", policies: denying });
    const system = { ...context, principal: { ...context.principal, kind: "system" as const } };
    await expect(authorize(system, "tenantDeploy", "some-tenant")).resolves.toBeUndefined();
    const silent = { governsReads: false, decide: denying.decide };
    expect(await codeOf({ role: "auditor", policies: silent }, "tenantGet", "some-tenant")).toBe("allowed");
    expect(await codeOf({ role: "auditor", policies: denying }, "tenantGet", "some-tenant")).toBe(
      "policy_error",
    );
  });
});
