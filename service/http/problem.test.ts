import type { Response } from "express";
import { expect, it } from "vitest";
import { type ErrorCode, ProblemError } from "../../contract/errors.ts";
import { sendProblem } from "./problem.ts";

function headersOf(code: ErrorCode): Record<string, string> {
  const headers: Record<string, string> = {};
  const response = {
    set: (name: string, value: string) => Object.assign(headers, { [name.toLowerCase()]: value }),
    status: () => response,
    type: () => response,
    send: () => response,
  };
  sendProblem(response as unknown as Response, new ProblemError(code, { detail: "No." }), "request");
  return headers;
}

it("says when to ask again for what may pass, and for nothing else", () => {
  for (const code of ["busy", "not_ready", "storage_full", "queue_full", "idempotency_in_progress"] as const)
    expect(Number(headersOf(code)["retry-after"]), code).toBeGreaterThan(0);
  for (const code of ["duplicate_slug", "internal", "policy_denied"] as const)
    expect(headersOf(code), code).not.toHaveProperty("retry-after");
});
