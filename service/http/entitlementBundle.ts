import type { EntitlementBundle } from "../../contract/entitlement.ts";
import { entitlementBundleGet } from "../app/entitlement.ts";
import type { CallTools } from "./deps.ts";

/** The newest bundle, or 304 when it is the one the caller has; held for a change when that is asked for. */
export async function sendEntitlementBundle(
  { context, request, response }: CallTools,
  tenantId: string,
  waitMs: number,
): Promise<EntitlementBundle> {
  const left = new AbortController();
  response.on("close", () => left.abort());
  const version = knownVersion(request.get("if-none-match"));
  const bundle = await entitlementBundleGet(context, tenantId, { version, waitMs, gone: left.signal });
  // Weak: the same version is issued again and again, each time with another time and signature.
  response.set({ ETag: `W/"${bundle?.version ?? version}"`, "Cache-Control": "private, no-cache" });
  if (bundle !== undefined) return bundle;
  response.status(304).end();
  // The wrapper sends nothing once the answer has been sent.
  return undefined as never;
}

/** A tag that is none of ours is one of a version the caller does not have. */
function knownVersion(header: string | undefined): number | undefined {
  const [, digits] = /^(?:W\/)?"(\d{1,15})"$/.exec(header?.trim() ?? "") ?? [];
  return digits === undefined ? undefined : Number(digits);
}
