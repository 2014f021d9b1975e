import { createHash } from "node:crypto";
import { tokenFrom } from "./bearerToken.ts";
import { IMAGE_DIGEST, ImageError, type ImageResolver, type TaggedImage } from "./imageResolver.ts";
import { readBounded } from "./readBounded.ts";

/** The OCI distribution API over HTTPS, anonymously or with the token that the registry's own service gives anybody. */
export interface OciOptions {
  readonly fetch: typeof fetch;
}

/** A manifest or index is a few kilobytes; what is longer is not read on. */
const MANIFEST_BYTES = 4 * 1024 * 1024;

const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

export function createOciImages({ fetch }: OciOptions): ImageResolver {
  return {
    async digestOf(image, signal) {
      const url = manifestUrl(image);
      const ask = (method: "HEAD" | "GET", token?: string) => {
        const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
        const headers = { accept: MANIFEST_TYPES, ...authorization };
        return answered(image, () => fetch(url, { method, headers, signal, redirect: "error" }));
      };
      let token: string | undefined;
      let head = await ask("HEAD");
      if (head.status === 401) {
        token = await answered(image, () =>
          tokenFrom(fetch, head.headers.get("www-authenticate"), image, signal),
        );
        head = await ask("HEAD", token);
      }
      refuse(image, head);
      const told = head.headers.get("docker-content-digest");
      if (told !== null && IMAGE_DIGEST.test(told)) return told;
      const got = await ask("GET", token);
      refuse(image, got);
      return `sha256:${createHash("sha256")
        .update(await answered(image, () => readBounded(got, MANIFEST_BYTES, `a manifest of ${image.host}`)))
        .digest("hex")}`;
    },
  };
}

function manifestUrl({ host, repository, tag }: TaggedImage): string {
  const api = host === "docker.io" ? "registry-1.docker.io" : host;
  return `https://${api}/v2/${repository}/manifests/${tag}`;
}

async function answered<T>(image: TaggedImage, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof ImageError) throw cause;
    const isLate = cause instanceof Error && cause.name === "TimeoutError";
    const why = isLate ? "does not answer in time" : "cannot be reached";
    throw new ImageError("unavailable", `the registry ${image.host} ${why}`, { cause });
  }
}

function refuse(image: TaggedImage, { status }: Response): void {
  if (status === 200) return;
  const where = `the registry ${image.host}`;
  if (status === 404) throw new ImageError("not_found", `${where} has no ${image.repository}:${image.tag}`);
  if (status === 401 || status === 403) {
    throw new ImageError("denied", `${where} does not let ${image.repository} be read without a login`);
  }
  throw new ImageError("unavailable", `${where} answers with status ${status}`);
}
