/** An image as it is written: `[host[:port]/]path[:tag][@sha256:…]`. */
export interface ImageReference {
  /** Such as `public.ecr.aws`; `docker.io` when none is written. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** Without tag and digest, as it was written. */
  readonly name: string;
}

const DOCKER_HUB = "docker.io";

/** What the contract has let through is always one. */
export function parseImage(image: string): ImageReference {
  const [tagged = "", digest] = image.split("@");
  const colon = tagged.lastIndexOf(":");
  const hasTag = colon > tagged.lastIndexOf("/");
  const name = hasTag ? tagged.slice(0, colon) : tagged;
  const tag = hasTag ? tagged.slice(colon + 1) : undefined;
  const [first = "", ...rest] = name.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const host = isHost ? first : DOCKER_HUB;
  const path = isHost ? rest.join("/") : name;
  const repository = host === DOCKER_HUB && !path.includes("/") ? `library/${path}` : path;
  return { host, repository, tag, digest, name };
}

/** `registry.example`, or `*.dkr.ecr.*.amazonaws.com`, where `*` stands for anything without a slash. */
export function hostMatches(host: string, pattern: string): boolean {
  const expression = pattern
    .split("*")
    .map((part) => part.replace(/[.\\+?^${}()|[\]]/g, "\\$&"))
    .join("[^/]*");
  return new RegExp(`^${expression}$`, "i").test(host);
}
