import type { FieldError, Problem } from "../../contract/errors.ts";
import { EXIT, type ExitCode, Failure } from "../exit.ts";
import { harmless } from "../io.ts";

export function problemFailure(problem: Problem): Failure {
  return new Failure(exitCodeOf(problem), problemText(problem), { problem });
}

function exitCodeOf({ status }: Problem): ExitCode {
  if (status === 401 || status === 403) return EXIT.denied;
  return status === 429 || status === 503 ? EXIT.unreachable : EXIT.failed;
}

/**
 * What went wrong, each field that is wrong, what to do, and how to find it in the log. Errors of files are told as
 * compilers tell them, so that editors and pipelines find the place.
 */
export function problemText({ detail, hint, errors, code, requestId, legalTransitions }: Problem): string {
  const placed = errors.filter(({ file }) => file !== undefined);
  if (placed.length > 0) return placed.map(placedText).join("\n");
  const legal = legalTransitions?.map(({ action }) => action) ?? [];
  const lines = [
    detail,
    ...errors.map(fieldText).filter((text) => text.trim() !== "" && !detail.includes(text.trim())),
    ...(legal.length > 0 && !detail.includes(legal[0] ?? "") ? [`  Possible now: ${legal.join(", ")}`] : []),
    ...(hint === undefined ? [] : [`  ${hint}`]),
    `  code ${code}${requestId === undefined ? "" : `, request ${requestId}`}`,
  ];
  return lines.map(harmless).join("\n");
}

function fieldText({ path, message, hint }: FieldError): string {
  return `  ${path} ${message}${hint === undefined ? "" : `. ${hint}`}`;
}

function placedText({ file, line, column, path, message, hint }: FieldError): string {
  const said = [path, message].filter((part) => part !== "").join(" ");
  return harmless(`${file}:${line}:${column}: ${said}${hint === undefined ? "" : `. ${hint}`}`);
}
