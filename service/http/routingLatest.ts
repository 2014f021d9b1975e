import type { RoutingSnapshot } from "../../contract/routingSnapshot.ts";
import * as routing from "../app/routing.ts";
import type { CallTools } from "./deps.ts";

/** The newest snapshot with its ETag, or 304 where the caller has it; held back for `waitMs` in the hope of a newer one. */
export async function sendRoutingLatest(
  { context, request, response }: CallTools,
  planeName: string,
  waitMs: number,
  isStopping: () => boolean,
): Promise<RoutingSnapshot> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const known = (request.get("if-none-match") ?? "").split(",").map((one) => one.trim().replace(/^W\//, ""));
  const asked = { known, waitMs, gone: gone.signal, isStopping };
  const { snapshot, etag } = await routing.routingLatest(context, planeName, asked);
  response.set({ ETag: etag, "Cache-Control": "private, no-cache" });
  if (snapshot !== undefined) return snapshot;
  response.status(304).end();
  // The wrapper sends nothing once the answer has been sent.
  return undefined as never;
}
