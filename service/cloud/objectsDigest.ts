import { createHash } from "node:crypto";
import type { ObjectsDigest } from "./cloudRuntime.ts";

export interface DigestedObject {
  /** Without the prefix. */
  readonly key: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** The same for every cloud, whatever order its listings come in. */
export function objectsDigest(objects: readonly DigestedObject[]): ObjectsDigest {
  const hash = createHash("sha256");
  for (const { key, bytes, sha256 } of [...objects].sort(byKey))
    hash.update(`${key}\u0000${bytes}\u0000${sha256}\n`);
  const bytes = objects.reduce((sum, object) => sum + object.bytes, 0);
  return { objects: objects.length, bytes, digest: hash.digest("hex") };
}

export function byKey(left: { readonly key: string }, right: { readonly key: string }): number {
  return Buffer.compare(Buffer.from(left.key), Buffer.from(right.key));
}
