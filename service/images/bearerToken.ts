import { isIP } from "node:net";
import { ImageError, type TaggedImage } from "./imageResolver.ts";
import { readBounded } from "./readBounded.ts";

/** A token is some kilobytes; what is longer is not read on. */
const TOKEN_BYTES = 256 * 1024;

/**
 * The token a registry asks for in `WWW-Authenticate: Bearer realm="…",service="…"`, as it is given to anybody. The realm is
 * the registry's word, so it may only be another public name: never an address, nor a name of the inside.
 */
export async function tokenFrom(
  fetch: typeof globalThis.fetch,
  challenge: string | null,
  image: TaggedImage,
  signal: AbortSignal,
): Promise<string> {
  const { realm, service } = parametersOf(challenge ?? "");
  const url = realm === undefined || !URL.canParse(realm) ? undefined : new URL(realm);
  if (url === undefined || !isPublic(url)) {
    throw new ImageError("denied", `the registry ${image.host} wants a login that cannot be given`);
  }
  if (service !== undefined) url.searchParams.set("service", service);
  url.searchParams.set("scope", `repository:${image.repository}:pull`);
  const response = await fetch(url, { signal, redirect: "error" });
  if (!response.ok) {
    const kind = response.status >= 500 || response.status === 429 ? "unavailable" : "denied";
    throw new ImageError(kind, `the registry ${image.host} gives no token (status ${response.status})`);
  }
  const answer = await readBounded(response, TOKEN_BYTES, `the token of the registry ${image.host}`);
  const { token, access_token } = JSON.parse(answer.toString("utf8")) as Record<string, unknown>;
  const given = typeof token === "string" ? token : access_token;
  if (typeof given === "string" && given !== "") return given;
  throw new ImageError("unavailable", `the registry ${image.host} gives an empty token`);
}

function parametersOf(challenge: string): Record<string, string | undefined> {
  if (!/^bearer /i.test(challenge)) return {};
  return Object.fromEntries(
    [...challenge.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name = "", value = ""]) => [
      name.toLowerCase(),
      value,
    ]),
  );
}

function isPublic({ protocol, hostname }: URL): boolean {
  if (protocol !== "https:" || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return false;
  return (
    /\.[a-z][a-z0-9-]*$/i.test(hostname) && !/\.(local|localhost|internal|lan|home|corp)$/i.test(hostname)
  );
}
