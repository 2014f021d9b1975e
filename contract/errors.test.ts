import { describe, expect, it } from "vitest";
import { ERROR_CODES, ERRORS, ProblemError, problemSchema } from "./errors.ts";

describe("problems", () => {
  it.each(ERROR_CODES)("%s is sent as RFC 9457 with a stable code", (code) => {
    const problem = new ProblemError(code, { detail: "d", hint: "h", errors: [] }).toProblem("request-1");
    expect(problemSchema.parse(problem)).toEqual(problem);
    expect(problem).toMatchObject({
      type: `urn:tenantry:problem:${code}`,
      status: ERRORS[code].status,
      code,
      requestId: "request-1",
    });
  });

  it("keep their cause for the log and out of the answer", () => {
    const cause = new Error("SQLITE_CORRUPT at /data/registry.sqlite");
    const problem = new ProblemError("internal", { detail: "d", cause });
    expect(problem.cause).toBe(cause);
    expect(JSON.stringify(problem.toProblem())).not.toContain("SQLITE_CORRUPT");
  });

  it("name what is in the way", () => {
    const legalTransitions = [{ action: "activate", to: "active" }];
    const problem = new ProblemError("illegal_transition", {
      detail: "d",
      legalTransitions,
      operationId: "o",
    });
    expect(problem.toProblem()).toMatchObject({ legalTransitions, operationId: "o", errors: [] });
  });
});
