import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { bundleFiles } from "./bundle.ts";
import { POLICY_LIMITS, type PolicyFile, PolicySetProblem } from "./policySet.ts";

/**
 * Where policies come from: a folder, or one document at an https URL. A source is asked again and again; it says that nothing has
 * changed, gives all files at once, or throws a PolicySetProblem that says in words what is wrong. What it may take in time
 * and bytes is bounded: it is outside, and could go on for ever.
 */
export interface PolicySource {
  readonly location: string;
  /** Undefined: as it was at the last call that gave files. */
  read(): Promise<readonly PolicyFile[] | undefined>;
}

export const SOURCE_LIMITS = {
  /** For a whole answer over the network. */
  fetchMs: 10_000,
  redirects: 0,
} as const;

export interface SourceOptions {
  /** PEM of the Ed25519 key that bundles must be signed with; without one a signature is not asked for. */
  readonly publicKey?: string | undefined;
}

/** Throws when the location is neither a folder's name nor a URL that may be used. */
export function policySource(location: string, options: SourceOptions = {}): PolicySource {
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(location)) return folderSource(location);
  return urlSource(urlOf(location), options);
}

export class PolicyLocationProblem extends Error {}

function urlOf(location: string): URL {
  const url = URL.parse(location);
  const isLoopback = url !== null && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback)) {
    if (url.username === "" && url.password === "") return url;
    throw new PolicyLocationProblem("must hold no user name or password: it is shown and logged");
  }
  throw new PolicyLocationProblem("must be a folder or an https URL; http is taken on this machine alone");
}

function folderSource(folder: string): PolicySource {
  return {
    location: folder,
    async read() {
      const names = await readdir(folder).catch((cause: unknown) => {
        throw unreadable(folder, cause);
      });
      const wanted = names.filter((name) => name.endsWith(".cedar")).toSorted();
      if (wanted.length > POLICY_LIMITS.files)
        throw new PolicySetProblem([`${folder} has more than ${POLICY_LIMITS.files} files`]);
      const files: PolicyFile[] = [];
      let bytes = 0;
      for (const name of wanted) {
        const at = join(folder, name);
        try {
          // Before it is read, as it may be of any length.
          bytes += (await stat(at)).size;
          if (bytes > POLICY_LIMITS.totalBytes)
            throw new PolicySetProblem([`${folder} holds more than ${POLICY_LIMITS.totalBytes} bytes`]);
          files.push({ name, text: await readFile(at, "utf8") });
        } catch (cause) {
          throw cause instanceof PolicySetProblem ? cause : unreadable(at, cause);
        }
      }
      return files;
    },
  };
}

function unreadable(what: string, cause: unknown): PolicySetProblem {
  return new PolicySetProblem([`${what} cannot be read (${messageOf(cause)})`]);
}

/** `#sha256=<hex>` pins the document's bytes. */
function urlSource(url: URL, { publicKey }: SourceOptions): PolicySource {
  const [, pin] = /^#sha256=([0-9a-f]{64})$/.exec(url.hash) ?? [];
  if (url.hash !== "" && pin === undefined)
    throw new PolicyLocationProblem("may end in #sha256=<64 hex digits> and in no other fragment");
  let etag: string | null = null;
  return {
    location: url.href,
    async read() {
      const answer = await fetched(url, etag);
      if (answer === undefined) return undefined;
      const files = bundleFiles(answer.body, { publicKey, pin, name: nameIn(url) });
      etag = answer.etag;
      return files;
    },
  };
}

function nameIn({ pathname }: URL): string {
  const last = pathname.split("/").at(-1) ?? "";
  return /^[\w.-]{1,100}$/.test(last) ? last : "policies.cedar";
}

async function fetched(
  url: URL,
  etag: string | null,
): Promise<{ readonly body: Buffer; readonly etag: string | null } | undefined> {
  const address = new URL(url);
  address.hash = "";
  try {
    const response = await fetch(address, {
      headers: { accept: "text/plain, application/json", ...(etag !== null && { "if-none-match": etag }) },
      // A redirect could lead anywhere, past what was named.
      redirect: "error",
      signal: AbortSignal.timeout(SOURCE_LIMITS.fetchMs),
    });
    if (response.status === 304 && etag !== null) return undefined;
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new PolicySetProblem([`${address.href} answered ${response.status}`]);
    }
    return { body: await bounded(response), etag: response.headers.get("etag") };
  } catch (cause) {
    if (cause instanceof PolicySetProblem) throw cause;
    throw new PolicySetProblem([`${address.href} cannot be read (${messageOf(cause)})`]);
  }
}

async function bounded(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > POLICY_LIMITS.totalBytes)
      throw new PolicySetProblem([`the answer is longer than ${POLICY_LIMITS.totalBytes} bytes`]);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
}
