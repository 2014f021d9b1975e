import { LIMITS, type Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";

/**
 * Keyset cursors: the sort key of the last item seen, a time and an id. Unlike an offset they stay where they are while
 * rows come and go, and the database seeks to them by index.
 */
export type CursorKey = readonly [time: string, id: string];

export function encodeCursor(key: CursorKey): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** The key of a cursor the client sends back, or the problem that it is none. */
export function pageAfter(cursor: string): CursorKey {
  const key = decode(cursor);
  if (key !== undefined) return key;
  throw noCursor(cursor);
}

/** The number in a cursor of a list that is sorted by one. */
export function pageAfterNumber(cursor: string, place: 0 | 1): number {
  const number = Number(pageAfter(cursor)[place]);
  if (Number.isSafeInteger(number)) return number;
  throw noCursor(cursor);
}

export function noCursor(cursor: string): ProblemError {
  return new ProblemError("invalid_request", {
    detail: "Cannot read the request's query: query.cursor must be a nextCursor of this list.",
    hint: "Leave cursor out to begin with the first page.",
    errors: [
      { path: "query.cursor", message: "must be a nextCursor of this list", value: cursor.slice(0, 64) },
    ],
  });
}

function decode(cursor: string): CursorKey | undefined {
  if (cursor.length > LIMITS.cursorChars) return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    const [time, id, ...more]: unknown[] = Array.isArray(key) ? key : [];
    return typeof time === "string" && typeof id === "string" && more.length === 0 ? [time, id] : undefined;
  } catch {
    return undefined;
  }
}

/** Makes a page of up to `limit + 1` rows: the one too many only tells that there is a next page. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
  keyOf: (row: Row) => CursorKey,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null;
  return { items: shown.map(toItem), nextCursor };
}
