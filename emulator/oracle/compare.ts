/** Where two runs of the same cases differ, and how that compares with the differences we know of. Pure. */
import type { Case, Outcome, Outcomes } from "./case.ts";
import { stepKey, valueAt } from "./case.ts";
import { shapeOf } from "./shape.ts";

export interface Difference {
  /** "case/step error" or "case/step attribute": unique. */
  readonly at: string;
  readonly ours: string;
  readonly theirs: string;
}

export interface KnownDifference extends Difference {
  /** Who is right, and how we know. */
  readonly reason: string;
}

export function findDifferences(
  cases: readonly Case[],
  ours: Outcomes,
  theirs: Outcomes,
): readonly Difference[] {
  return cases.flatMap((story) =>
    story.steps.flatMap((step) => {
      const key = stepKey(story, step);
      return compareOutcomes(key, step.same ?? {}, outcomeAt(ours, key), outcomeAt(theirs, key));
    }),
  );
}

function outcomeAt(outcomes: Outcomes, key: string): Outcome {
  const outcome = outcomes.get(key);
  if (outcome === undefined) throw new Error(`Cannot compare '${key}': one side did not run it`);
  return outcome;
}

function compareOutcomes(
  key: string,
  same: Readonly<Record<string, string>>,
  ours: Outcome,
  theirs: Outcome,
): readonly Difference[] {
  if ("error" in ours || "error" in theirs) {
    const [left, right] = [errorOf(ours), errorOf(theirs)];
    return left === right ? [] : [{ at: `${key} error`, ours: left, theirs: right }];
  }
  return Object.entries(same).flatMap(([attribute, path]) => {
    const [left, right] = [shapeOf(valueAt(ours.values, attribute)), shapeOf(valueAt(theirs.values, path))];
    return left === right ? [] : [{ at: `${key} ${attribute}`, ours: left, theirs: right }];
  });
}

function errorOf(outcome: Outcome): string {
  return "error" in outcome ? outcome.error : "accepted";
}

export interface Verdict {
  /** Differ, and nobody said why. */
  readonly unlisted: readonly Difference[];
  /** Listed, but no longer so: they go from the list. */
  readonly gone: readonly KnownDifference[];
}

export function judge(found: readonly Difference[], known: readonly KnownDifference[]): Verdict {
  const same = (one: Difference, other: Difference) =>
    one.at === other.at && one.ours === other.ours && one.theirs === other.theirs;
  return {
    unlisted: found.filter((difference) => !known.some((listed) => same(listed, difference))),
    gone: known.filter((listed) => !found.some((difference) => same(listed, difference))),
  };
}
