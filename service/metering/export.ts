import {
  USAGE_LIMITS,
  type UsageExportQuery,
  type UsageRecord,
  type UsageTotal,
} from "../../contract/usage.ts";
import { encodeCursor } from "../../registry/cursor.ts";
import type { Reader, Registry } from "../../registry/registry.ts";
import { eventCursor, eventRows, totalCursor, totalRows } from "../../registry/usageRead.ts";

/**
 * Usage as text, page by page: memory stays flat, and the reader's pace is the pace of the queries. The last line says that it is
 * the last, so that an export that was cut off cannot be taken for a whole one.
 */
const ROWS_PER_PAGE = 1_000;

type Row = UsageTotal | UsageRecord;
type ReadPage = (
  db: Reader,
  cursor: string | undefined,
) => Promise<{ rows: readonly Row[]; next: string | undefined }>;

export async function* exportUsage(registry: Registry, query: UsageExportQuery): AsyncGenerator<string> {
  const { format } = query;
  const page = query.of === "totals" ? totalPage(query) : eventPage(query);
  const columns = query.of === "totals" ? TOTAL_COLUMNS : EVENT_COLUMNS;
  if (format === "csv") yield `${columns.join(",")}\r\n`;
  let cursor: string | undefined;
  let count = 0;
  do {
    const { rows, next } = await registry.read((db) => page(db, cursor));
    count += rows.length;
    if (rows.length > 0)
      yield rows.map((row) => (format === "csv" ? csvLine(row, columns) : ndjsonLine(row))).join("");
    cursor = count >= USAGE_LIMITS.exportRows ? undefined : next;
    if (next !== undefined && cursor === undefined) {
      yield endLine(format, count, next);
      return;
    }
  } while (cursor !== undefined);
  yield endLine(format, count, undefined);
}

function totalPage(query: UsageExportQuery): ReadPage {
  return async (db, cursor) => {
    const rows = await totalRows(db, { ...query, cursor }, ROWS_PER_PAGE);
    return { rows, next: nextOf(rows, totalCursor) };
  };
}

function eventPage(query: UsageExportQuery): ReadPage {
  return async (db, cursor) => {
    const rows = await eventRows(db, { ...query, cursor }, ROWS_PER_PAGE);
    return { rows, next: nextOf(rows, (row) => eventCursor(row, query)) };
  };
}

function nextOf<T>(rows: readonly T[], keyOf: (row: T) => readonly [string, string]): string | undefined {
  const last = rows.at(-1);
  return last === undefined || rows.length < ROWS_PER_PAGE ? undefined : encodeCursor(keyOf(last));
}

const TOTAL_COLUMNS = [
  ...["tenantId", "meter", "window", "windowStart", "quantity", "events", "corrections", "updatedAt"],
];
const EVENT_COLUMNS = [
  ...["eventId", "tenantId", "meter", "quantity", "occurredAt", "receivedAt", "corrects", "batchId"],
];

function ndjsonLine(row: Row): string {
  return `${JSON.stringify(row)}\n`;
}

function csvLine(row: Row, columns: readonly string[]): string {
  return `${columns.map((column) => csvField((row as unknown as Record<string, unknown>)[column])).join(",")}\r\n`;
}

/** RFC 4180. What a spreadsheet would take for a formula is kept from being one by an apostrophe before it. */
export function csvField(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(String(value)) ? `'${String(value)}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `more`: the export has reached its bound, and there are later rows, which another one beginning later has. */
function endLine(format: UsageExportQuery["format"], rows: number, next: string | undefined): string {
  const more = next !== undefined;
  return format === "csv"
    ? `# end,${rows},${more ? "more" : "whole"}\r\n`
    : `{"end":true,"rows":${rows},"more":${more}}\n`;
}
