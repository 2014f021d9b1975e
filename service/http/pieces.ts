import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import type { Response } from "express";
import { ProblemError } from "../../contract/errors.ts";

/**
 * Sends a long text, or a file, as it is made, no faster than it is read. What fails before its first piece is answered as any other problem; a
 * failure in its middle cuts the connection, and so does whoever has not read it within the time.
 */
export async function sendPieces(
  response: Response,
  type: string,
  pieces: AsyncIterable<string | Uint8Array>,
  withinMs?: number,
): Promise<void> {
  const rest = pieces[Symbol.asyncIterator]();
  const first = await rest.next();
  response.status(200).set("Content-Type", type === "application/zip" ? type : `${type}; charset=utf-8`);
  const signal = withinMs === undefined ? undefined : AbortSignal.timeout(withinMs);
  try {
    await pipeline(Readable.from(again(first, rest)), response, signal === undefined ? {} : { signal });
  } catch (thrown) {
    if (signal?.aborted === true) throw tooSlow(withinMs ?? 0, thrown);
    // Whoever asked has gone away: there is nobody left to tell.
    if ((thrown as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw thrown;
  }
}

async function* again<T>(
  first: IteratorResult<T>,
  rest: AsyncIterator<T>,
): AsyncGenerator<T, void, undefined> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) {
      yield next.value;
      // A fast reader and SQLite make nobody wait, so nobody else would get a turn before the end.
      await setImmediate();
    }
  } finally {
    await rest.return?.();
  }
}

function tooSlow(withinMs: number, cause: unknown): ProblemError {
  return new ProblemError("busy", {
    detail: `Cannot send the answer: it must be read within ${withinMs} ms.`,
    hint: "Ask for less at a time, or read it faster.",
    cause,
  });
}
