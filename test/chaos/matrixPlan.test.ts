import { describe, expect, it } from "vitest";
import { allCases, blowsOf, type Case, nameOf, outcomeOf } from "../../chaos/matrix/cases.ts";
import { drawCases, leadsTo, planCourse } from "../../chaos/matrix/course.ts";
import { difference, neutral, steady } from "../../chaos/matrix/lines.ts";
import { createRandom } from "../../chaos/random.ts";
import { stepKinds } from "../../chaos/stepKinds.ts";
import type { OperationKind, TenantStatus } from "../../contract/vocabulary.ts";
import { sagas } from "../../service/operations/sagas.ts";

const kinds = Object.keys(sagas) as OperationKind[];

describe("the cases", () => {
  it("strike every step kind on both sides of its effect, in three ways, and repeat every operation's steps", () => {
    const cases = allCases();
    expect(cases).toHaveLength(stepKinds().length * 6 + kinds.length);
    expect(new Set(cases.map(nameOf)).size).toBe(cases.length);
    const struck = cases.flatMap((one) => blowsOf(one).slice(-1));
    const met = new Set(
      struck.map(({ kind, step, direction }) => `${kind}/${direction === "undo" ? "undo " : ""}${step}`),
    );
    expect([...met].sort()).toEqual(stepKinds().sort());
  });

  it("know what each must come to", () => {
    const deploy = (how: Case["how"], direction: "do" | "undo" = "do"): Case => ({
      ...{ kind: "tenant_archive", how, at: { step: "dump_database", direction, when: "after" } },
    });
    expect(outcomeOf(deploy("transient"))).toEqual({ status: "succeeded", left: "new" });
    expect(outcomeOf(deploy("crash"))).toEqual({ status: "succeeded", left: "new" });
    expect(outcomeOf(deploy("fail"))).toEqual({ status: "failed", left: "old" });
    expect(outcomeOf(deploy("crash", "undo"))).toMatchObject({ compensation: "succeeded", left: "old" });
    expect(outcomeOf(deploy("fail", "undo"))).toMatchObject({ compensation: "failed", left: undefined });
    const late = { step: "scan_for_orphans", direction: "do", when: "before" } as const;
    expect(outcomeOf({ kind: "tenant_archive", how: "fail", at: late })).toEqual({
      ...{ status: "failed", left: undefined },
    });
  });
});

describe("the course", () => {
  it.each([1, 2, 3])("tries every case once, after a plain operation of its kind, with seed %i", (seed) => {
    const cases = drawCases(createRandom(seed), undefined, kinds);
    const course = planCourse(cases);
    const [tried, plain] = [[] as Case[], [] as OperationKind[]];
    let status: TenantStatus = "draft";
    for (let turn = course.next(status); turn !== undefined; turn = course.next(status)) {
      if (turn.case === undefined) plain.push(turn.kind);
      else {
        expect(plain, nameOf(turn.case)).toContain(turn.kind);
        tried.push(turn.case);
      }
      status = leadsTo(turn.kind) === "deleted" ? "draft" : leadsTo(turn.kind);
    }
    expect(tried.map(nameOf).sort()).toEqual(cases.map(nameOf).sort());
    // An archive must be restored and suspended before the next: that is most of them.
    expect(plain.length).toBeLessThan(cases.length / 2);
  });

  it("comes to what is wanted from wherever a tenant stands", () => {
    const restore = allCases().find(({ kind }) => kind === "tenant_restore");
    const course = planCourse(restore === undefined ? [] : [restore]);
    const kindsFrom = (status: TenantStatus) => course.next(status)?.kind;
    expect(kindsFrom("draft")).toBe("tenant_activate");
    expect(kindsFrom("active")).toBe("tenant_suspend");
    expect(kindsFrom("suspended")).toBe("tenant_archive");
    expect(course.next("archived")).toEqual({ kind: "tenant_restore", case: undefined });
    expect(course.next("archived")).toEqual({ kind: "tenant_restore", case: restore });
    expect(course.next("active")).toBeUndefined();
  });

  it("follows from the seed", () => {
    const names = (seed: number) => drawCases(createRandom(seed), 20, kinds).map(nameOf);
    expect(names(7)).toEqual(names(7));
    expect(names(7)).not.toEqual(names(8));
  });
});

describe("what is compared", () => {
  const own = (tenantId: string, slug: string, version: string, releaseNumber: number) => ({
    ...{ tenantId, slug, version, releaseNumber },
  });
  const lines = (
    id: string,
    name: string,
    slug: string,
    version: string,
    release: number,
    generation: number,
  ) => [
    `registry: target ready, wanted present, release ${release}, wanted release ${release}`,
    `cloud: dev-eu-west-1-${generation}/aws:sqs/queue:Queue/work {"name":"tn-dev-${id}-${name}-g${generation}-work"}`,
    `cloud: role {"name":"tn-dev-${id.slice(0, 8)}-${name}-g${generation}-iam","slug":"${slug}"}`,
    `cloud: task {"image":"registry.example/iam:${version}@sha256:${"a1".repeat(32)}"}`,
  ];
  const first = lines("0a1b2c3d-0000-4000-8000-000000000001", "6h7ypicij3l6", "one", "1.0.0", 1, 1);
  const second = lines("9f8e7d6c-0000-4000-8000-000000000002", "abcdefghij23", "two", "2.0.0", 2, 7);
  const ofFirst = own("0a1b2c3d-0000-4000-8000-000000000001", "one", "1.0.0", 1);
  const ofSecond = own("9f8e7d6c-0000-4000-8000-000000000002", "two", "2.0.0", 2);

  it("is the same for two tenants in the same state, but for what is their own", () => {
    expect(neutral(first, ofFirst)).toEqual(neutral(second, ofSecond));
  });

  it("differs where one runs another release, or has an object twice", () => {
    const expected = neutral(first, ofFirst);
    const behind = neutral(second, { ...ofSecond, version: "1.0.0", releaseNumber: 1 });
    expect(difference(expected, behind)).toMatch(/^2 missing, 2 too many/);
    const twice = neutral([...second, second[1] ?? ""], ofSecond);
    expect(difference(expected, twice)).toMatch(/^0 missing, 1 too many\n {4}\+ cloud: .*work/);
    expect(difference(expected, expected)).toBeUndefined();
  });

  it("leaves out what is drawn anew each time, and nothing else", () => {
    expect(steady('"task-definition/tn-dev-1-iam:12" release 12')).toBe(
      '"task-definition/tn-dev-1-iam:#" release 12',
    );
  });
});
