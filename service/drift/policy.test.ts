import { describe, expect, it } from "vitest";
import type { DriftFinding } from "../../contract/drift.ts";
import { judgeFindings } from "./policy.ts";

const changed = { kind: "changed", ignoreId: null, needsPerson: null } as const;
const deleted = { kind: "deleted", ignoreId: null, needsPerson: "it was deleted" } as const;
const stray = { kind: "unmanaged", ignoreId: null, needsPerson: "no state records it" } as const;
const hidden = { kind: "hidden", ignoreId: null, needsPerson: null } as const;
const ignored = { ...changed, ignoreId: "i" } as const;

function judged(...findings: Pick<DriftFinding, "kind" | "ignoreId" | "needsPerson">[]) {
  const named = findings.map((one) => ({ ...one, resourceType: "aws:sqs/queue:Queue", logicalName: "work" }));
  return judgeFindings(named as unknown as DriftFinding[]);
}

describe("of a target's findings", () => {
  it("changes are repaired by policy", () => {
    expect(judged(changed, changed)).toEqual({ open: 2, needsPerson: undefined });
  });

  it("a deletion is for a person, and keeps the loop from what was only changed", () => {
    expect(judged(changed, deleted)).toMatchObject({
      open: 2,
      needsPerson: expect.stringContaining("deleted"),
    });
  });

  it("what a repair would replace is for a person", () => {
    const replaced = { ...changed, needsPerson: "the repair would replace 1" };
    expect(judged(changed, replaced).needsPerson).toContain("would replace");
  });

  it("what is hidden or ignored counts as no drift", () => {
    expect(judged(hidden, ignored)).toEqual({ open: 0, needsPerson: undefined });
  });

  it("what is ignored keeps the loop from the rest of the stack", () => {
    expect(judged(changed, ignored)).toMatchObject({
      open: 1,
      needsPerson: expect.stringContaining("ignored"),
    });
  });

  it("an object that no state records stops nothing, and is for a person when it is all that is left", () => {
    expect(judged(changed, stray)).toEqual({ open: 2, needsPerson: undefined });
    expect(judged(stray).needsPerson).toContain("no state records it");
  });
});
