import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Response } from "express";

/** Sends a long text as it is made, no faster than it is read. A failure in its middle cuts the connection. */
export async function sendPieces(
  response: Response,
  type: string,
  pieces: AsyncIterable<string>,
): Promise<void> {
  response.status(200).set("Content-Type", `${type}; charset=utf-8`);
  try {
    await pipeline(Readable.from(pieces), response);
  } catch (thrown) {
    // Whoever asked has gone away: there is nobody left to tell.
    if ((thrown as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw thrown;
  }
}
