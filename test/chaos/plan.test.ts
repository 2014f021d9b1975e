import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Action, type Deed, killPlan, life, VICTIMS } from "../../chaos/plan.ts";
import { createRandom } from "../../chaos/random.ts";
import { createTally } from "../../chaos/tally.ts";
import { nextStatus } from "../../contract/lifecycle.ts";
import type { TenantStatus } from "../../contract/vocabulary.ts";

const all = new Set<Action>([
  ...(["activate", "deploy", "suspend", "reactivate", "archive", "restore"] as const),
  ...(["repair", "decommission"] as const),
]);
const LONGEST_LIFE = 500;

function deeds(seed: number, able: ReadonlySet<Action> = all): Deed[] {
  const lived: Deed[] = [];
  for (const deed of life(createRandom(seed), able)) {
    lived.push(deed);
    if (lived.length === LONGEST_LIFE) break;
  }
  return lived;
}

describe("a life", () => {
  it("is legal from the draft to the end, and follows from the seed", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        let status: TenantStatus = "draft";
        for (const { action, to } of deeds(seed)) {
          if (action === "repair") expect(status).toBe("active");
          else expect(nextStatus(status, action)).toBe(action === "decommission" ? "decommissioning" : to);
          status = to;
        }
        expect(deeds(seed)).toEqual(deeds(seed));
      }),
    );
  });

  it("does nothing that the service cannot do", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const able = new Set<Action>(
          [...all].filter((action) => action !== "archive" && action !== "restore"),
        );
        expect(deeds(seed, able).every(({ action }) => able.has(action))).toBe(true);
      }),
    );
  });
});

describe("the kills", () => {
  it("follow from the seed and leave no kind out", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const plan = killPlan(createRandom(seed), 40, VICTIMS);
        expect(plan).toHaveLength(40);
        expect(new Set(plan)).toEqual(new Set(VICTIMS));
        expect(killPlan(createRandom(seed), 40, VICTIMS)).toEqual(plan);
      }),
    );
  });

  it("are counted by step kind and victim", () => {
    const tally = createTally(["a/x", "a/y"]);
    tally.hit("cli", ["a/x"]);
    tally.hit("host", ["a/x", "b/undo x"]);
    expect([tally.hits("a/x"), tally.hits("a/y"), tally.least]).toEqual([2, 0, 0]);
    expect(tally.below(1)).toEqual(["a/y"]);
    expect(tally.table().at(-1)).toBe("| kills | 1 | 1 | 2 |");
  });
});

describe("the generator", () => {
  it("gives numbers in [0, 1) and forks that do not depend on what was asked before", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 20 }), (seed, asked) => {
        const random = createRandom(seed);
        const fork = random.fork("one").next();
        for (let i = 0; i < asked; i += 1) expect(random.next()).toSatisfy((n: number) => n >= 0 && n < 1);
        expect(random.fork("one").next()).toBe(fork);
        expect(random.fork("two").next()).not.toBe(fork);
      }),
    );
  });
});
