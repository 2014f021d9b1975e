import type { z } from "zod";
import { ERRORS, type ErrorCode, type FieldError, ProblemError } from "./errors.ts";
import { issueText } from "./issueText.ts";
import { secretShapeOf } from "./secretShape.ts";

const SHOWN_VALUE_CHARS = 200;
/** More would drown the first; whoever sends a hundred wrong fields fixes them in rounds. */
const SHOWN_ERRORS = 20;

type Part = "body" | "query" | "path";

/** Parses one part of a request, or throws the problem that says what is wrong with each field and what to send. */
export function validate<T extends z.ZodType>(schema: T, value: unknown, part: Part): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.slice(0, SHOWN_ERRORS).map((issue) => fieldError(issue, value, part));
  const code = codeOf(result.error.issues, part, value);
  const first = errors[0];
  throw new ProblemError(code, {
    detail: `Cannot read the ${part === "path" ? "path" : `request's ${part}`}: ${first?.path} ${first?.message}.`,
    hint: first?.hint ?? "Correct the fields listed in errors; GET /openapi.json describes them all.",
    errors,
  });
}

type Issue = z.core.$ZodIssue;

function fieldError(issue: Issue, root: unknown, part: Part): FieldError {
  const path = [part, ...issue.path.map(String)].join(".");
  const hint = paramOf(issue, "hint");
  const value = shown(valueAt(root, issue.path), issue);
  return {
    path: issue.code === "unrecognized_keys" ? `${path}.${issue.keys[0]}` : path,
    message: messageOf(issue),
    ...(value === undefined ? {} : { value }),
    ...(hint === undefined ? {} : { hint }),
  };
}

function messageOf(issue: Issue): string {
  if (issue.code === "unrecognized_keys") return `is not a known field (${issue.keys.join(", ")})`;
  return issueText(issue);
}

/** The offending value, unless it could be a secret or is too large to be of use. */
function shown(value: unknown, issue: Issue): unknown {
  if (paramOf(issue, "code") === "secret_value_refused" || issue.code === "unrecognized_keys")
    return undefined;
  if (issue.path.some((key) => key === "settings" || key === "secretRefs" || key === "environment"))
    return undefined;
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
  if (typeof value !== "string" || secretShapeOf(value) !== undefined) return undefined;
  return value.length > SHOWN_VALUE_CHARS ? `${value.slice(0, SHOWN_VALUE_CHARS)}…` : value;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** A special code counts only when nothing else is wrong: several kinds together are simply an invalid request. */
function codeOf(issues: readonly Issue[], part: Part, root: unknown): ErrorCode {
  const codes = new Set(issues.map((issue) => specialCode(issue, part, root)));
  const [code] = codes;
  return codes.size === 1 && code !== undefined ? code : "invalid_request";
}

function specialCode(issue: Issue, part: Part, root: unknown): ErrorCode | undefined {
  const code = paramOf(issue, "code");
  if (code !== undefined && code in ERRORS) return code as ErrorCode;
  const isPlan = part === "body" && issue.path.length === 1 && issue.path[0] === "plan";
  return isPlan && typeof valueAt(root, issue.path) === "string" ? "unknown_plan" : undefined;
}

function paramOf(issue: Issue, name: string): string | undefined {
  if (issue.code !== "custom") return undefined;
  const value: unknown = issue.params?.[name];
  return typeof value === "string" ? value : undefined;
}
