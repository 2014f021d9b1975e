import type { ApiOperation } from "../api/description.ts";
import { usageFailure } from "../exit.ts";
import type { Field, FieldKind } from "./fields.ts";
import { didYouMean } from "./nearest.ts";

/** What goes over the wire; made without asking anybody. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** As typed: path parameters by their name, options by theirs. A repeated option is a list. */
export type Typed = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/**
 * Puts what was typed where the API wants it. Text becomes numbers, lists and maps as the description says; whether the values
 * make sense is for the service to say, so that the client and the service cannot disagree.
 */
export function buildRequest(
  operation: ApiOperation,
  fields: readonly Field[],
  typed: Typed,
  file: unknown = undefined,
): ApiRequest {
  const query: Record<string, string> = {};
  const headers: Record<string, string> = {};
  let path = operation.path;
  let body = file;
  for (const field of fields) {
    const given = typed[field.option];
    if (given === undefined) continue;
    const name = field.at[0] ?? "";
    if (field.in === "body") body = placed(body, field.at, parsed(field, given));
    else if (field.in === "path") path = path.replace(`{${name}}`, encodeURIComponent(String(given)));
    else if (field.in === "query") query[name] = String(parsed(field, given));
    else headers[name] = name === "If-Match" ? `"${given}"` : String(given);
  }
  if (operation.body === undefined)
    return { method: operation.method, path, query, headers, body: undefined };
  checkRequired(fields, body, file !== undefined);
  return { method: operation.method, path, query, headers, body: body ?? {} };
}

function checkRequired(fields: readonly Field[], body: unknown, fromFile: boolean): void {
  if (fromFile) return;
  const missing = fields.filter((field) => field.in === "body" && field.required && !has(body, field.at));
  if (missing.length === 0) return;
  const options = missing.map(({ option }) => `--${option}`).join(", ");
  throw usageFailure(`Cannot go on: ${options} must be given. A file with all of it goes with --file.`);
}

function has(body: unknown, at: readonly string[]): boolean {
  let value = body;
  for (const name of at) {
    if (typeof value !== "object" || value === null) return false;
    value = (value as Record<string, unknown>)[name];
  }
  return value !== undefined;
}

function placed(body: unknown, [name, ...deeper]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  const holder = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  return { ...holder, [name]: placed(holder[name], deeper, value) };
}

export function parsed(field: Field, given: string | boolean | readonly string[]): unknown {
  const { kind, nullable, option } = field;
  if (nullable && (given === "null" || given === "none")) return null;
  switch (kind.kind) {
    case "list":
      return listed(given).map((text) => scalar(option, kind.of, text));
    case "map":
      return Object.fromEntries(listed(given).map((text) => pair(option, kind.of, text)));
    default:
      return scalar(option, kind, typeof given === "object" ? (given.at(-1) ?? "") : given);
  }
}

function listed(given: string | boolean | readonly string[]): string[] {
  return typeof given === "object" ? [...given] : [String(given)];
}

function pair(option: string, of: FieldKind, text: string): [string, unknown] {
  const equals = text.indexOf("=");
  if (equals < 1) throw usageFailure(`Cannot read --${option}: it must be NAME=VALUE, got "${text}".`);
  return [text.slice(0, equals), scalar(option, of, text.slice(equals + 1))];
}

function scalar(option: string, kind: FieldKind, given: string | boolean): unknown {
  const refuse = (must: string) =>
    usageFailure(`Cannot read --${option}: it must be ${must}, got "${given}".`);
  switch (kind.kind) {
    case "flag":
      if (typeof given === "boolean") return given;
      if (given !== "true" && given !== "false") throw refuse("true or false");
      return given === "true";
    case "integer":
    case "number": {
      const value = given === "" ? Number.NaN : Number(given);
      const good = kind.kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
      if (!good) throw refuse(kind.kind === "integer" ? "a whole number" : "a number");
      return value;
    }
    case "choice":
      if (kind.values.includes(String(given))) return given;
      throw refuse(`one of ${kind.values.join(", ")}${didYouMean(String(given), kind.values)}`);
    case "amount":
      return /^\d+(\.\d+)?$/.test(String(given)) ? Number(given) : given;
    case "json":
      return jsonOf(option, String(given));
    default:
      return String(given);
  }
}

function jsonOf(option: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw usageFailure(`Cannot read --${option}: it must be JSON (${why}), got "${text.slice(0, 80)}".`);
  }
}
