import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACTION_OF, type Action, type Deed, killPlan, life, VICTIMS, waysTo } from "../../chaos/plan.ts";
import { createRandom } from "../../chaos/random.ts";
import { stepKinds, stepKindsOf } from "../../chaos/stepKinds.ts";
import { createTally } from "../../chaos/tally.ts";
import { nextStatus } from "../../contract/lifecycle.ts";
import type { TenantStatus } from "../../contract/vocabulary.ts";
import type { Step } from "../../service/operations/saga.ts";
import { sagas } from "../../service/operations/sagas.ts";

const LONGEST_LIFE = 500;

function deeds(seed: number, drawnTo: ReadonlySet<Action> = new Set()): Deed[] {
  const lived: Deed[] = [];
  for (const deed of life(createRandom(seed), () => drawnTo)) {
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
          else if (action === "rotate") expect(nextStatus(status, "rotate_credentials")).toBe(to);
          else if (action === "regret")
            expect([nextStatus(status, "decommission"), to]).toEqual(["decommissioning", status]);
          else expect(nextStatus(status, action)).toBe(action === "decommission" ? "decommissioning" : to);
          status = to;
        }
        expect(deeds(seed)).toEqual(deeds(seed));
      }),
    );
  });

  it("can be drawn to what is rare, from wherever it is", () => {
    const living = ["draft", "active", "suspended", "archived"] as const;
    for (const goal of Object.values(ACTION_OF))
      for (const status of living) expect(waysTo(status, new Set([goal])).size).toBe(1);
    expect(waysTo("draft", new Set(["restore"]))).toEqual(new Set(["activate"]));
    expect(waysTo("active", new Set(["restore"]))).toEqual(new Set(["suspend"]));
    expect(waysTo("suspended", new Set(["restore"]))).toEqual(new Set(["archive"]));
    const restores = (drawnTo: ReadonlySet<Action>) =>
      Array.from({ length: 50 }, (_, seed) => deeds(seed, drawnTo).slice(0, 20))
        .flat()
        .filter(({ action }) => action === "restore").length;
    expect(restores(new Set(["restore"]))).toBeGreaterThan(restores(new Set()) * 1.5);
  });
});

describe("the step kinds", () => {
  it("are all steps of all sagas, and their undoing where an operation can turn round behind them", () => {
    const run = async () => ({});
    const step = (name: string, undo?: Step["undo"]) =>
      ({ name, run, idempotence: "", ...(undo === undefined ? {} : { undo }) }) satisfies Step;
    const back = async () => undefined;
    const steps = [step("a", back), step("b"), step("c", "impossible"), step("d", back)];
    expect(stepKindsOf({ kind: "tenant_deploy", steps })).toEqual([
      ...["tenant_deploy/a", "tenant_deploy/b", "tenant_deploy/c", "tenant_deploy/d"],
      "tenant_deploy/undo a",
    ]);
    const all = stepKinds();
    for (const { kind, steps: its } of Object.values(sagas))
      for (const { name } of its) expect(all).toContain(`${kind}/${name}`);
    expect(all).toContain("tenant_archive/undo delete_objects");
    expect(all).not.toContain("tenant_decommission/undo drop_database");
    expect(new Set(all).size).toBe(all.length);
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
    expect([tally.hits("a/x"), tally.hits("a/y")]).toEqual([2, 0]);
    expect(tally.wanted()).toEqual(["a/x", "a/y"]);
    tally.hit("cloud", ["a/x"]);
    expect(tally.wanted()).toEqual(["a/y"]);
    expect([tally.isWanted("a/y"), tally.isWanted("b/undo x")]).toEqual([true, false]);
    expect(tally.table().at(-1)).toBe("| kills | 1 | 1 | 1 | 3 |");
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
