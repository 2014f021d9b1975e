import { type FieldError, ProblemError } from "../../contract/errors.ts";
import { nearest } from "../manifest/nearest.ts";
import { ImageError, type ImageResolver } from "./imageResolver.ts";
import { hostMatches, parseImage } from "./reference.ts";

export interface ImageRules {
  /** What is done about an image that is named by a tag alone. */
  readonly tags: "resolve" | "refuse";
  /** Hosts, `*` standing for anything. */
  readonly registries: readonly string[];
  /** For all images of a request together. */
  readonly timeoutMs: number;
}

/** Service → image, as given → as kept: with the digest that the tag stands for now, or as it was when it has one. */
export async function resolveImages(
  resolver: ImageResolver,
  images: Readonly<Record<string, string>>,
  rules: ImageRules,
): Promise<Record<string, string>> {
  for (const [service, image] of Object.entries(images)) refuse(service, image, rules);
  const signal = AbortSignal.timeout(rules.timeoutMs);
  const resolved = new Map<string, Promise<string>>();
  const keep = async ([service, image]: [string, string]): Promise<[string, string]> => {
    const asked = resolved.get(image) ?? resolveOne(resolver, service, image, signal);
    resolved.set(image, asked);
    return [service, await asked];
  };
  return Object.fromEntries(await Promise.all(Object.entries(images).map(keep)));
}

function refuse(service: string, image: string, { tags, registries }: ImageRules): void {
  const { host, digest, name } = parseImage(image);
  if (!registries.some((pattern) => hostMatches(host, pattern))) {
    const meant = nearest(host, registries);
    throw new ProblemError("image_registry_refused", {
      detail: `Cannot take the image of ${service}: its registry must be one of ${registries.join(", ")}, got ${host}.`,
      hint: meant === undefined ? "Add the host to --image-registries." : `Did you mean ${meant}?`,
      errors: [fieldOf(service, image, "is in a registry that is not taken")],
    });
  }
  if (digest === undefined && tags === "refuse") {
    throw new ProblemError("image_tag_refused", {
      detail: `Cannot take the image of ${service}: it must be named by its digest, got ${image}.`,
      hint: `Send ${name}@sha256:…, as the registry or the build tells it.`,
      errors: [fieldOf(service, image, "has no digest")],
    });
  }
}

async function resolveOne(
  resolver: ImageResolver,
  service: string,
  image: string,
  signal: AbortSignal,
): Promise<string> {
  const { host, repository, tag, digest } = parseImage(image);
  if (digest !== undefined || tag === undefined) return image;
  try {
    return `${image}@${await resolver.digestOf({ host, repository, tag }, signal)}`;
  } catch (thrown) {
    if (!(thrown instanceof ImageError)) throw thrown;
    throw problemOf(thrown, service, image);
  }
}

function problemOf(error: ImageError, service: string, image: string): ProblemError {
  const code = error.kind === "unavailable" ? "image_registry_unavailable" : "image_not_found";
  const hint =
    error.kind === "unavailable"
      ? "Send the request again, or name the image by its digest, which is not looked up."
      : "Push the image first, correct its name, or name it by its digest, which is not looked up.";
  const message = error.kind === "unavailable" ? "could not be looked up" : "is not there, or not to be read";
  return new ProblemError(code, {
    detail: `Cannot take the image of ${service}: ${error.message}.`,
    hint,
    errors: [fieldOf(service, image, message)],
    cause: error,
  });
}

function fieldOf(service: string, image: string, message: string): FieldError {
  return { path: `body.services.${service}.image`, message, value: image };
}
