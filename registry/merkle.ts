import { createHash } from "node:crypto";

/**
 * A Merkle tree over texts, as RFC 6962 builds it: one hash stands for all of them, and a path of a few hashes proves that one is
 * among them without showing the others. Leaves and nodes are hashed apart, so that neither passes for the other.
 */
export interface MerkleTree {
  /** Hex. */
  readonly root: string;
  readonly size: number;
  /** From the leaf upwards, hex. */
  path(index: number): string[];
}

const EMPTY = createHash("sha256").digest();
const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

export function merkleTree(texts: readonly string[]): MerkleTree {
  const levels: Buffer[][] = [texts.map(leafHash)];
  for (let level = levels[0] ?? []; level.length > 1; ) {
    const above: Buffer[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const [left, right] = [level[at] ?? EMPTY, level[at + 1]];
      above.push(right === undefined ? left : nodeHash(left, right));
    }
    levels.push(above);
    level = above;
  }
  return {
    root: (levels.at(-1)?.[0] ?? EMPTY).toString("hex"),
    size: texts.length,
    path(index) {
      const siblings = levels.map((level, height) => level[(index >> height) ^ 1]);
      // What has no sibling moves up as it is.
      return siblings.flatMap((sibling) => (sibling === undefined ? [] : [sibling.toString("hex")]));
    },
  };
}

/** The root that a path leads to; undefined when it is no path of a tree of this size. */
export function merkleRootOf(
  text: string,
  index: number,
  size: number,
  path: readonly string[],
): string | undefined {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return undefined;
  let hash = leafHash(text);
  let used = 0;
  for (let [at, width] = [index, size]; width > 1; at >>= 1, width = (width + 1) >> 1) {
    if ((at ^ 1) >= width) continue;
    const sibling = Buffer.from(path[used] ?? "", "hex");
    if (sibling.length !== EMPTY.length) return undefined;
    used += 1;
    hash = at % 2 === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
  }
  return used === path.length ? hash.toString("hex") : undefined;
}

function leafHash(text: string): Buffer {
  return createHash("sha256").update(LEAF).update(text, "utf8").digest();
}

function nodeHash(left: Buffer, right: Buffer): Buffer {
  return createHash("sha256").update(NODE).update(left).update(right).digest();
}
