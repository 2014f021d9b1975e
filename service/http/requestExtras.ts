import type { Request } from "express";
import { reasonSchema } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import { isMutation, type Route } from "../../contract/route.ts";
import { FORCE_HEADER } from "../app/managed.ts";

/** What a few routes take besides JSON and the usual headers. */

const YAML_TYPES = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "+yaml"];

export function isYaml(request: Request): boolean {
  return typeof request.is(YAML_TYPES) === "string";
}

/** Bytes that are no UTF-8 are refused: read leniently, a name would be stored that nobody wrote. */
export function utf8Text(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ProblemError("unsupported_media_type", {
      detail: "Cannot read the body: it must be text in UTF-8, and it holds other bytes.",
      hint: "Save the file as UTF-8, then send it again.",
      errors: [{ path: "body", message: "is not UTF-8" }],
      cause,
    });
  }
}

/** Who may force an edit is decided where it is made; here it is only read. */
export function forceReason(route: Route, request: Request): { forceReason?: string } {
  const header = isMutation(route) ? request.get(FORCE_HEADER) : undefined;
  if (header === undefined) return {};
  const reason = reasonSchema.safeParse(header);
  if (reason.success) return { forceReason: reason.data };
  throw new ProblemError("invalid_request", {
    detail: "Cannot force the edit: X-Tenantry-Force-Reason must be a reason of 3 to 500 characters.",
    hint: "Say why the edit cannot wait for the manifest; it is kept in the audit trail.",
    errors: [{ path: `header.${FORCE_HEADER}`, message: "is too short or too long" }],
  });
}
