import type { DriftFinding } from "../../contract/drift.ts";
import { countsAsDrift } from "../../registry/driftFinding.ts";

/** What the findings of one target mean for the plane's drift policy. */
export interface JudgedFindings {
  /** That count as drift. */
  readonly open: number;
  /** Why no repair may be made that nobody asked for; undefined when one may. */
  readonly needsPerson: string | undefined;
}

/**
 * Pure. A repair puts a whole stack right, so one finding that is for a person keeps the loop from all of them: a deletion, a stack that
 * is not what the registry says, a repair that would replace something, and also what somebody has ignored on the same stack, as
 * it would not outlive the repair. An object that no state records is no part of the stack: it stops nothing, but
 * when it is all that is left, a person is asked for.
 */
export function judgeFindings(findings: readonly DriftFinding[]): JudgedFindings {
  const counting = findings.filter(countsAsDrift);
  const ignored = findings.filter(({ kind, ignoreId }) => kind !== "hidden" && ignoreId !== null);
  const ofStack = counting.filter(({ kind }) => kind !== "unmanaged");
  const forPerson = (ofStack.length > 0 ? ofStack : counting).find(({ needsPerson }) => needsPerson !== null);
  return {
    open: counting.length,
    needsPerson: forPerson ? inWords(forPerson) : ofStack.length > 0 ? besides(ignored) : undefined,
  };
}

function inWords({ resourceType, logicalName, needsPerson }: DriftFinding): string {
  return `${resourceType} ${logicalName}: ${needsPerson}`;
}

function besides([ignored]: readonly DriftFinding[]): string | undefined {
  if (ignored === undefined || ignored.kind === "unmanaged") return undefined;
  return `${ignored.resourceType} ${ignored.logicalName} is ignored, and a repair would put that right too`;
}
