import type { z } from "zod";
import type { FieldError } from "../../contract/errors.ts";
import { issueText } from "../../contract/issueText.ts";
import { locate } from "./locate.ts";
import { nearest } from "./nearest.ts";
import type { YamlDocument } from "./readYaml.ts";

/** What a schema finds wrong with a document, told with the place of each in the text. */
type Issue = z.core.$ZodIssue;

export function issuesAt(document: YamlDocument, issues: readonly Issue[], schema: z.ZodType): FieldError[] {
  return issues.flatMap((issue) => told(issue, document, schema));
}

export function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function told(issue: Issue, document: YamlDocument, schema: z.ZodType): FieldError[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => unknownKey(path, key, document, schema));
  const place = { file: document.file, ...locate(document, path, issue.code === "invalid_key") };
  const hint = hintOf(issue, valueAt(document.value, issue.path));
  return [
    { path: path.join("."), ...place, message: issueText(issue), ...(hint === undefined ? {} : { hint }) },
  ];
}

function unknownKey(
  path: readonly string[],
  key: string,
  document: YamlDocument,
  schema: z.ZodType,
): FieldError {
  const known = knownKeys(schema, path);
  const meant = nearest(key, known);
  const hint = meant === undefined ? `Known here: ${known.join(", ")}.` : `Did you mean ${meant}?`;
  const place = { file: document.file, ...locate(document, [...path, key], true) };
  return { path: [...path, key.slice(0, 80)].join("."), ...place, message: "is not a known field", hint };
}

function hintOf(issue: Issue, value: unknown): string | undefined {
  if (issue.code === "custom" && typeof issue.params?.hint === "string") return issue.params.hint;
  const bare = typeof value === "number" || typeof value === "boolean" || value === null;
  if (issue.code === "invalid_type" && issue.expected === "string" && bare) {
    return `Put it in quotes: "${value}".`;
  }
  return undefined;
}

/** Of the object at the path, from the schema itself, so that a hint never names a field that is not there. */
function knownKeys(schema: z.ZodType, path: readonly string[]): string[] {
  let inner: unknown = schema;
  for (const name of path) inner = memberOf(inner, name);
  return Object.keys(shapeOf(inner) ?? {});
}

interface Inner {
  readonly def?: { readonly innerType?: unknown; readonly valueType?: unknown; readonly element?: unknown };
  readonly shape?: Record<string, unknown>;
}

/** Of a record and of a list every member is alike. */
function memberOf(schema: unknown, name: string): unknown {
  const inner = unwrapped(schema);
  return inner?.shape?.[name] ?? inner?.def?.valueType ?? inner?.def?.element;
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  return unwrapped(schema)?.shape;
}

function unwrapped(schema: unknown): Inner | undefined {
  let inner = schema as Inner | undefined;
  while (inner?.def?.innerType !== undefined) inner = inner.def.innerType as Inner;
  return inner;
}
