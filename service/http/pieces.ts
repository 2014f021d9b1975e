import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Response } from "express";

/**
 * Sends a long text, or a file, as it is made, no faster than it is read. What fails before its first piece is answered as any other problem; a
 * failure in its middle cuts the connection.
 */
export async function sendPieces(
  response: Response,
  type: string,
  pieces: AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const rest = pieces[Symbol.asyncIterator]();
  const first = await rest.next();
  response.status(200).set("Content-Type", type === "application/zip" ? type : `${type}; charset=utf-8`);
  try {
    await pipeline(Readable.from(again(first, rest)), response);
  } catch (thrown) {
    // Whoever asked has gone away: there is nobody left to tell.
    if ((thrown as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw thrown;
  }
}

async function* again<T>(
  first: IteratorResult<T>,
  rest: AsyncIterator<T>,
): AsyncGenerator<T, void, undefined> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
