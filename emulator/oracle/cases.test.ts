import { describe, expect, test } from "vitest";
import { resourceTypes } from "../aws/index.ts";
import type { Step } from "./case.ts";
import { stepKey } from "./case.ts";
import { cases } from "./cases.ts";
import { runOnLocalCloud } from "./emulated.ts";

const outcomes = runOnLocalCloud(cases);
const steps = cases.flatMap((story) => story.steps.map((step) => ({ step, key: stepKey(story, step) })));

function refused({ key }: { step: Step; key: string }): boolean {
  return "error" in (outcomes.get(key) ?? {});
}

test("every step has a name of its own", () => {
  expect(new Set(steps.map(({ key }) => key)).size).toBe(steps.length);
});

test("no step speaks of what an earlier one does not have", () => {
  const texts = [...outcomes].filter(([, outcome]) => JSON.stringify(outcome).includes("undefined"));
  expect(texts).toEqual([]);
});

/** A new type must bring its rows along. */
describe.each(resourceTypes.map(({ token }) => token))("%s", (token) => {
  const own = steps.filter(({ step }) => step.type === token);

  test("is created and compared", () => {
    expect(own.some((row) => row.step.same !== undefined && !refused(row))).toBe(true);
  });
  test("is refused at least once", () => {
    expect(own.some(refused)).toBe(true);
  });
});
