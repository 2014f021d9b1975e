import type { Request } from "express";

/** Lists of many small things sent one a line. A line that cannot be read becomes its text, for whoever judges it to refuse. */
const NDJSON_TYPES = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

export function isNdjson(request: Request): boolean {
  return typeof request.is(NDJSON_TYPES) === "string";
}

export function ndjsonLines(text: string): unknown[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map(readLine);
}

function readLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}
