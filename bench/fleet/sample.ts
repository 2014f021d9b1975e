import { createHash } from "node:crypto";

/** The same tenants for the same seed, whatever their ids: a choice by position. */
export function sampleOf<T>(items: readonly T[], size: number, seed: number): readonly T[] {
  return items
    .map((item, index) => ({ item, at: createHash("sha256").update(`${seed}/${index}`).digest("hex") }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .slice(0, size)
    .map(({ item }) => item);
}
