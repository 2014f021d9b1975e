import { describe, expect, it } from "vitest";
import {
  bindScope,
  note,
  noteEnvironment,
  noteTenant,
  noteTenantEnvironments,
  outsideScope,
  scopeFacts,
  scopeSpan,
  withinScope,
  withinSpan,
} from "./scope.ts";
import type { Span } from "./tracing.ts";

const span: Span = { traceparent: undefined, set: () => undefined, end: () => undefined };

describe("a scope", () => {
  it("goes with asynchronous calls and ends with its work", async () => {
    const seen = await withinScope({ requestId: "r1" }, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return scopeFacts();
    });
    expect(seen).toEqual({ requestId: "r1" });
    expect(scopeFacts()).toEqual({});
  });

  it("is not mixed up with another at the same time", async () => {
    const one = (name: string) =>
      withinScope({ requestId: name }, async () => {
        note({ tenantId: `tenant of ${name}` });
        await new Promise((resolve) => setImmediate(resolve));
        return scopeFacts();
      });
    const [first, second] = await Promise.all([one("r1"), one("r2")]);
    expect(first).toEqual({ requestId: "r1", tenantId: "tenant of r1" });
    expect(second).toEqual({ requestId: "r2", tenantId: "tenant of r2" });
  });

  it("leaves nothing of the one around it, and is left by work for everybody", () => {
    withinScope({ requestId: "r1", tenantId: "t1" }, () => {
      expect(withinScope({ operationId: "o1" }, scopeFacts)).toEqual({ operationId: "o1" });
      expect(outsideScope(scopeFacts)).toEqual({});
    });
  });

  it("holds for a callback that was bound in it", () => {
    const later = withinScope({ requestId: "r1" }, () => bindScope(scopeFacts));
    expect(later()).toEqual({ requestId: "r1" });
    const outside = bindScope(scopeFacts);
    expect(withinScope({ requestId: "r2" }, () => [later(), outside()])).toEqual([{ requestId: "r1" }, {}]);
  });

  it("knows the environments it comes to, each once", () => {
    withinScope({}, () => {
      for (const environment of ["prod", "dev", "prod"]) noteEnvironment(environment);
      expect(scopeFacts()).toEqual({ environment: "dev,prod" });
    });
  });

  it("is about the one tenant that is written about, and about none of several", () => {
    withinScope({}, () => {
      noteTenant("t1");
      expect(scopeFacts()).toEqual({ tenantId: "t1" });
      noteTenant("t2");
      expect(scopeFacts()).toEqual({});
      note({ tenantId: "t3" });
      expect(scopeFacts()).toEqual({ tenantId: "t3" });
    });
  });

  it("is where the tenant is, until it comes to single targets", () => {
    withinScope({}, () => {
      noteTenantEnvironments(["prod", "dev", "dev"]);
      expect(scopeFacts()).toEqual({ environment: "dev,prod" });
      noteEnvironment("dev");
      expect(scopeFacts()).toEqual({ environment: "dev" });
    });
  });

  it("is the same below a span, with more facts only inside", () => {
    withinScope({ operationId: "o1" }, () => {
      withinSpan(span, { step: "deploy" }, () => {
        expect(scopeFacts()).toEqual({ operationId: "o1", step: "deploy" });
        expect(scopeSpan()).toBe(span);
      });
      withinSpan(span, undefined, () => note({ tenantId: "t1" }));
      expect(scopeFacts()).toEqual({ operationId: "o1", tenantId: "t1" });
    });
  });
});
