import { ImageError } from "./imageResolver.ts";

/** What a registry answers, up to a bound: it is a stranger, and could go on for ever. */
export async function readBounded(response: Response, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ImageError("unavailable", `${what} is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
