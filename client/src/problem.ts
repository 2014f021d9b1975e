import type { components } from "./schema.ts";

export type Problem = components["schemas"]["Problem"];

/** What the service answered instead of what was asked for. */
export class TenantryError extends Error {
  readonly status: number;
  /** Absent when the answer was none of Tenantry's, such as a proxy's. */
  readonly problem: Problem | undefined;

  constructor(status: number, problem: Problem | undefined) {
    super(
      problem === undefined
        ? `The service answered ${status}.`
        : [problem.detail, problem.hint].filter(Boolean).join(" "),
    );
    this.name = "TenantryError";
    this.status = status;
    this.problem = problem;
  }

  /** Stable, such as `tenant_not_found`. */
  get code(): Problem["code"] | undefined {
    return this.problem?.code;
  }
}

export function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}
