import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { registriesOf } from "./createImages.ts";
import { isEcr } from "./ecrImages.ts";
import { createOciImages } from "./ociImages.ts";
import { hostMatches, parseImage } from "./reference.ts";
import { resolveImages } from "./resolveImages.ts";

const digest = `sha256:${"d".repeat(64)}`;
const image = { host: "registry.example", repository: "team/app", tag: "1.0" };
const patience = () => AbortSignal.timeout(5_000);

type Answer = (url: URL, request: RequestInit) => Response | Error;

/** A registry that answers as told, and what it was asked. */
function registry(...answers: Answer[]) {
  const asked: string[] = [];
  const fetch = async (input: string | URL | Request, init: RequestInit = {}) => {
    const url = new URL(String(input));
    const authorization = new Headers(init.headers).get("authorization");
    asked.push([init.method ?? "GET", url, ...(authorization === null ? [] : [authorization])].join(" "));
    const answer = answers.shift()?.(url, init) ?? new Error("nothing more was to be asked");
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, images: createOciImages({ fetch: fetch as typeof globalThis.fetch }) };
}

const status =
  (code: number, headers: Record<string, string> = {}, body?: string): Answer =>
  () =>
    new Response(code === 204 ? null : (body ?? ""), { status: code, headers });
const challenge = (realm: string) =>
  status(401, { "www-authenticate": `Bearer realm="${realm}",service="registry.example",scope="x"` });

describe("a registry", () => {
  it("tells the digest without a login", async () => {
    const { asked, images } = registry(status(200, { "docker-content-digest": digest }));
    expect(await images.digestOf(image, patience())).toBe(digest);
    expect(asked).toEqual(["HEAD https://registry.example/v2/team/app/manifests/1.0"]);
  });

  it("is asked again with the token that it gives anybody", async () => {
    const { asked, images } = registry(
      challenge("https://auth.registry.example/token"),
      status(200, {}, JSON.stringify({ token: "t" })),
      status(200, { "docker-content-digest": digest }),
    );
    expect(await images.digestOf(image, patience())).toBe(digest);
    expect(asked.slice(1)).toEqual([
      "GET https://auth.registry.example/token?service=registry.example&scope=repository%3Ateam%2Fapp%3Apull",
      "HEAD https://registry.example/v2/team/app/manifests/1.0 Bearer t",
    ]);
  });

  it("that does not tell the digest has its manifest read and hashed", async () => {
    const manifest = '{"schemaVersion":2}';
    const { images } = registry(status(200), status(200, {}, manifest));
    const hash = createHash("sha256").update(manifest).digest("hex");
    expect(await images.digestOf(image, patience())).toBe(`sha256:${hash}`);
  });

  it.each<[string, Answer[], string]>([
    ["without the tag", [status(404)], "not_found"],
    ["that wants a login of its own", [status(401, { "www-authenticate": 'Basic realm="x"' })], "denied"],
    ["that lets nobody in", [challenge("https://auth.example.com/t"), status(403)], "denied"],
    ["that fails", [status(503)], "unavailable"],
    ["that has too much to do", [status(429)], "unavailable"],
    ["that cannot be reached", [() => new TypeError("fetch failed")], "unavailable"],
    [
      "whose tokens are empty",
      [challenge("https://auth.example.com/t"), status(200, {}, "{}")],
      "unavailable",
    ],
    [
      "whose tokens have no end",
      [
        challenge("https://auth.example.com/t"),
        status(200, {}, JSON.stringify({ token: "x".repeat(300_000) })),
      ],
      "unavailable",
    ],
    [
      "whose tokens are no JSON",
      [challenge("https://auth.example.com/t"), status(200, {}, "<html>")],
      "unavailable",
    ],
    [
      "that sends a manifest without end",
      [status(200), status(200, {}, "x".repeat(5_000_000))],
      "unavailable",
    ],
  ])("%s is an error of its kind", async (_, answers, kind) => {
    const { images } = registry(...answers);
    await expect(images.digestOf(image, patience())).rejects.toMatchObject({ kind });
  });

  it.each([
    ...[
      "http://auth.example.com/t",
      "https://169.254.169.254/latest",
      "https://[::1]/t",
      "https://localhost/t",
    ],
    ...["https://vault.internal/t", "https://metadata/t", "not a url"],
  ])("cannot send the service to %s for a token", async (realm) => {
    const { asked, images } = registry(challenge(realm));
    await expect(images.digestOf(image, patience())).rejects.toMatchObject({ kind: "denied" });
    expect(asked).toHaveLength(1);
  });
});

describe("a reference", () => {
  it.each([
    ["nginx:1", "docker.io", "library/nginx", "1", undefined],
    ["team/app:1", "docker.io", "team/app", "1", undefined],
    ["registry.example:5000/a/b:1.2", "registry.example:5000", "a/b", "1.2", undefined],
    ["localhost/a:1", "localhost", "a", "1", undefined],
    [`ghcr.io/a/b@${digest}`, "ghcr.io", "a/b", undefined, digest],
    [`ghcr.io/a/b:1@${digest}`, "ghcr.io", "a/b", "1", digest],
  ])("%s is read as registries do", (written, host, repository, tag, kept) => {
    expect(parseImage(written)).toMatchObject({ host, repository, tag, digest: kept });
  });

  it.each([
    ["registry.example", "registry.example", true],
    ["registry-example", "registry.example", false],
    ["123456789012.dkr.ecr.eu-west-1.amazonaws.com", "*.dkr.ecr.*.amazonaws.com", true],
    ["evil.example", "*.example.com", false],
    ["registry.example.evil.test", "registry.example", false],
  ])("in %s is in %s: %s", (host, pattern, within) => {
    expect(hostMatches(host, pattern)).toBe(within);
  });

  it("is ECR's only when all of its host says so", () => {
    expect(isEcr("123456789012.dkr.ecr.eu-west-1.amazonaws.com")).toBe(true);
    expect(isEcr("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.test")).toBe(false);
  });
});

describe("the images of a release", () => {
  it("are asked for once each, and those with a digest not at all", async () => {
    const asked: string[] = [];
    const resolver = {
      digestOf: async ({ tag }: { tag: string }) => {
        asked.push(tag);
        return digest;
      },
    };
    const rules = { tags: "resolve", registries: ["*"], timeoutMs: 1_000 } as const;
    const kept = await resolveImages(
      resolver,
      { a: "r.example/x:1", b: "r.example/x:1", c: `r.example/y@${digest}` },
      rules,
    );
    expect(kept).toEqual({
      a: `r.example/x:1@${digest}`,
      b: `r.example/x:1@${digest}`,
      c: `r.example/y@${digest}`,
    });
    expect(asked).toEqual(["1"]);
  });

  it("come from the registries that the settings name, else from the usual ones", () => {
    expect(registriesOf({ imageRegistries: "a.example,b.example", cloud: "aws" })).toEqual([
      "a.example",
      "b.example",
    ]);
    expect(registriesOf({ imageRegistries: undefined, cloud: "local" })).toEqual(["*"]);
    const usual = registriesOf({ imageRegistries: undefined, cloud: "aws" });
    expect(usual.some((pattern) => hostMatches("metadata.internal", pattern))).toBe(false);
    expect(usual.some((pattern) => hostMatches("public.ecr.aws", pattern))).toBe(true);
  });
});
