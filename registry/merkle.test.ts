import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { merkleRootOf, merkleTree } from "./merkle.ts";

const texts = fc.array(fc.string(), { minLength: 1, maxLength: 70 });

describe("a Merkle tree", () => {
  it("has the roots that RFC 6962 gives", () => {
    expect(merkleTree([]).root).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(merkleTree([""]).root).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  });

  it("proves each of its texts, and no other", () => {
    fc.assert(
      fc.property(texts, fc.nat(), fc.string(), (all, at, other) => {
        const tree = merkleTree(all);
        const index = at % all.length;
        const path = tree.path(index);
        const text = all[index] ?? "";
        expect(merkleRootOf(text, index, all.length, path)).toBe(tree.root);
        if (other !== text) expect(merkleRootOf(other, index, all.length, path)).not.toBe(tree.root);
        if (all[index + 1] !== undefined && all[index + 1] !== text)
          expect(merkleRootOf(text, index + 1, all.length, tree.path(index + 1))).not.toBe(tree.root);
      }),
    );
  });

  it("takes no path that is too short, too long or no path at all", () => {
    const all = ["a", "b", "c", "d", "e"];
    const tree = merkleTree(all);
    const path = tree.path(2);
    expect(merkleRootOf("c", 2, 5, path.slice(1))).toBeUndefined();
    expect(merkleRootOf("c", 2, 5, [...path, tree.root])).toBeUndefined();
    expect(merkleRootOf("c", 2, 5, ["zz", ...path.slice(1)])).toBeUndefined();
    for (const index of [-1, 5, 0.5]) expect(merkleRootOf("c", index, 5, path)).toBeUndefined();
  });

  it("has another root for each change of any text and of their order", () => {
    fc.assert(
      fc.property(texts, fc.nat(), fc.string(), (all, at, other) => {
        const index = at % all.length;
        const changed = all.with(index, other);
        if (other !== all[index]) expect(merkleTree(changed).root).not.toBe(merkleTree(all).root);
        expect(merkleTree([...all, other]).root).not.toBe(merkleTree(all).root);
      }),
    );
  });
});
