import { describe, expect, it } from "vitest";
import { mayActivate } from "./mayActivate.ts";

const queued = (rolloutId: string, ...planes: string[]) => ({ rolloutId, planes });

describe("queued rollouts", () => {
  it("begin when none of their planes is another's", () => {
    expect(mayActivate([queued("a", "x"), queued("b", "y")], [{ planes: ["x"] }])).toEqual(["b"]);
    expect(mayActivate([queued("a", "x"), queued("b", "y")], [])).toEqual(["a", "b"]);
  });

  it("begin oldest first, one on a plane", () => {
    expect(mayActivate([queued("a", "x"), queued("b", "x")], [])).toEqual(["a"]);
  });

  it("keep their place on all of their planes while they wait for one", () => {
    expect(mayActivate([queued("a", "x", "y"), queued("b", "y")], [{ planes: ["x"] }])).toEqual([]);
  });
});
