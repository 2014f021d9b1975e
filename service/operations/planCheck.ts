import type { PlannedChange, RunHooks } from "../engine/engine.ts";
import { EngineError } from "../engine/errors.ts";
import { type OperationInput, StepError, type StepRun } from "./saga.ts";

/** Code of a step that has found another plan than the one that was previewed; it has changed nothing, so nothing is undone. */
export const PLAN_CHANGED = "plan_changed";

/** Code of a step that has found another spec than its earlier try, which may have applied part of what was previewed. */
const SPEC_CHANGED = "spec_changed";

/** After these nobody knows whether all was heard that the engine did. */
const UNHEARD: readonly string[] = ["worker_crashed", "timed_out", "lease_lost"];

/**
 * Whether a try of a step that failed has certainly changed nothing: the engine was not cut off, and tells of a resource before it
 * changes it. What a dead process did is not known, so a resumed step never counts as untouched.
 */
export function leftUntouched(heardOfResources: boolean, errorCode: string): boolean {
  return !heardOfResources && !UNHEARD.includes(errorCode);
}

/**
 * What a run that was previewed may carry out. Refuses another spec at once; another plan is refused by the engine, in front of
 * its first change. Once an earlier try may have applied part of it, the plan was compared then and what is left of it is another
 * one by nature, so that only the spec is compared; and not even that when a person, who may have corrected it,
 * retries what was kept.
 */
export function expectedPlan(
  run: Pick<StepRun, "begunBefore" | "untouched"> & {
    readonly input: Pick<OperationInput, "plan" | "continues">;
  },
  specDigest: string,
): Pick<RunHooks, "expectedPlan"> {
  const { plan, continues } = run.input;
  if (plan === undefined) return {};
  const isHalfDone = run.begunBefore && !run.untouched;
  if (isHalfDone && continues !== undefined) return {};
  if (plan.specDigest !== specDigest) {
    const had = `the spec has changed since (${plan.specDigest.slice(0, 12)} to ${specDigest.slice(0, 12)})`;
    const wanted =
      "Cannot deploy what was previewed: the tenant's record, its plane or the release must be as they were then, and";
    throw isHalfDone
      ? new StepError(SPEC_CHANGED, `${wanted} ${had}, while it was being deployed. Preview again.`)
      : new StepError(PLAN_CHANGED, `${wanted} ${had}. Nothing was applied; preview again.`);
  }
  return isHalfDone ? {} : { expectedPlan: { digest: plan.digest } };
}

/** The engine's refusal, with what is planned now. */
export function inWordsOfPlan(thrown: unknown): never {
  if (!(thrown instanceof EngineError) || thrown.code !== PLAN_CHANGED) throw thrown;
  const { changes } = thrown.plan?.planned ?? { changes: [] };
  const now = changes.length === 0 ? "nothing would change" : `now it would ${planInWords(changes)}`;
  throw new StepError(
    PLAN_CHANGED,
    `Cannot deploy what was previewed: the plan must be as it was then, and ${now}. Nothing was applied; preview again.`,
    { cause: thrown },
  );
}

const CHANGES_NAMED = 5;

/** Such as `replace aws:ecs/service:Service iam (name); update …`. */
export function planInWords(changes: readonly PlannedChange[]): string {
  const named = changes.slice(0, CHANGES_NAMED).map(({ op, resourceType, logicalName, properties }) => {
    const of = properties.length === 0 ? "" : ` (${properties.slice(0, CHANGES_NAMED).join(", ")})`;
    return `${op} ${resourceType} ${logicalName}${of}`;
  });
  const more = changes.length - named.length;
  return `${named.join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}
