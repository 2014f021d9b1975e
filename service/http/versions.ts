import { createHash } from "node:crypto";
import type { Request, Response } from "express";
import { ProblemError } from "../../contract/errors.ts";
import { isMutation, type Route } from "../../contract/route.ts";
import type { Change } from "../../registry/registry.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { refuseStale } from "../../registry/tenantProblem.ts";

/**
 * Versions of records in headers. Every answer that is a record carries its version as ETag, so that a reader can ask
 * whether it is still the newest (If-None-Match, 304), and a writer can say which one it has read (If-Match): if the record has
 * changed meanwhile, the write is refused with 412 and nothing is lost. A wish that a route cannot keep is refused,
 * never passed over.
 */

/** From If-Match, as our own ETag or as the bare number; `*` is no wish. What else an ETag says is no part of the record. */
export function expectedVersion({ request }: { readonly request: Request }): number | undefined {
  const header = request.get("if-match");
  if (header === undefined || header === "*") return undefined;
  const [, digits] = /^(?:W\/)?"?(\d{1,9})(?:-[0-9a-f]{8})?"?$/.exec(header) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new ProblemError("invalid_request", {
    detail: 'Cannot read If-Match: it must be one record version, such as "3".',
    hint: "Send the ETag or the recordVersion as you read it.",
    errors: [{ path: "header.if-match", message: "is no record version", value: header.slice(0, 40) }],
  });
}

/** What a change must find to be made; only for routes that act on a tenant's record without being given its version. */
export function preconditionOf(
  route: Route,
  request: Request,
): { precondition?: (change: Change) => Promise<void> } {
  if (!isMutation(route) || expectedVersion({ request }) === undefined) return {};
  if (route.ifMatch === undefined) throw notTaken();
  const { tenantId } = request.params;
  if (route.ifMatch !== "tenant" || typeof tenantId !== "string") return {};
  const expected = expectedVersion({ request });
  return { precondition: async ({ db }) => refuseStale(await tenantGet(db, tenantId), expected) };
}

function notTaken(): ProblemError {
  return new ProblemError("invalid_request", {
    detail: "Cannot hold the request against a version: this path takes no If-Match.",
    hint: "Leave If-Match out. What is made, applied or removed whole here has no version to be held against.",
    errors: [{ path: "header.if-match", message: "is not taken here" }],
  });
}

export function tagRecord(response: Response, body: unknown): void {
  if (response.hasHeader("etag") || typeof body !== "object" || body === null) return;
  const { recordVersion } = body as { readonly recordVersion?: unknown };
  if (typeof recordVersion === "number") response.set("ETag", `"${recordVersion}${digestBeside(body)}"`);
}

/** Members of answers that change without a new version of the record: they are worked out, or seen, and nobody writes them. */
const BESIDE = ["entitled", "checkedAt", "nextCheckAt", "problem"];

function digestBeside(body: object): string {
  const members = body as Readonly<Record<string, unknown>>;
  const beside = BESIDE.filter((member) => member in members).map((member) => members[member]);
  if (beside.length === 0) return "";
  return `-${createHash("sha256").update(JSON.stringify(beside)).digest("hex").slice(0, 8)}`;
}
