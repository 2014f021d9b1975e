/**
 * Which content an image's tag stands for now. A tag can be moved, a digest cannot: releases keep what the tag meant when they
 * were made. The local cloud answers for itself; on AWS, ECR is asked through its API and every other registry over
 * the OCI distribution protocol.
 */
export interface ImageResolver {
  /** `sha256:` and 64 hexadecimal digits. Throws an ImageError. */
  digestOf(reference: TaggedImage, signal: AbortSignal): Promise<string>;
}

export interface TaggedImage {
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
}

export const IMAGE_DIGEST = /^sha256:[0-9a-f]{64}$/;

export class ImageError extends Error {
  readonly kind: "not_found" | "denied" | "unavailable";

  constructor(kind: ImageError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
