import type { Request } from "express";
import { type FieldError, ProblemError } from "../../contract/errors.ts";
import { locate } from "../manifest/locate.ts";
import { readYaml, type YamlDocument } from "../manifest/readYaml.ts";

/**
 * A request's body as YAML, for routes whose body may be written by hand: the same value and the same checks as in JSON, and what
 * is wrong is told with line and column.
 */
const documents = new WeakMap<Request, YamlDocument>();

/** The value of the one document in the text; remembers where its parts stand. */
export async function readYamlBody(request: Request, text: string): Promise<unknown> {
  const { documents: found, problems } = await readYaml({ file: "body", text });
  const [document, second] = found;
  if (problems.length > 0) throw unreadable(problems);
  if (document === undefined) throw unreadable([problem("holds no document")]);
  if (second !== undefined) throw unreadable([problem("must hold one document, and holds several")]);
  documents.set(request, document);
  return document.value;
}

/** Adds line and column to what is wrong with a body that was YAML. */
export function placed(request: Request, thrown: unknown): unknown {
  const document = documents.get(request);
  if (document === undefined || !(thrown instanceof ProblemError)) return thrown;
  const errors = (thrown.options.errors ?? []).map((error) => withPlace(document, error));
  const [first] = errors;
  const at = first?.line === undefined ? "" : ` (line ${first.line}, column ${first.column})`;
  const detail = `${thrown.options.detail.replace(/\.$/, "")}${at}.`;
  return new ProblemError(thrown.code, { ...thrown.options, detail, errors });
}

function withPlace(document: YamlDocument, error: FieldError): FieldError {
  const [part, ...path] = error.path.split(".");
  if (part !== "body") return error;
  return { ...error, ...locate(document, path, error.message.startsWith("is not a known field")) };
}

function unreadable(problems: readonly FieldError[]): ProblemError {
  const errors = problems.map(({ path, file: _file, ...rest }) => ({
    ...rest,
    path: path === "" ? "body" : `body.${path}`,
  }));
  const [first] = errors;
  return new ProblemError("invalid_request", {
    detail: `Cannot read the request's body: line ${first?.line}, column ${first?.column}: ${first?.message}.`,
    hint: first?.hint ?? "Correct the YAML, or send the same as JSON.",
    errors,
  });
}

function problem(message: string): FieldError {
  return { path: "", message, line: 1, column: 1 };
}
