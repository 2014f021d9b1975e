import type { PlannedChange, RunHooks } from "../engine/engine.ts";
import { EngineError } from "../engine/errors.ts";
import { StepError, type StepRun } from "./saga.ts";

/** Code of a step that has found another plan than the one that was previewed; it has changed nothing, so nothing is undone. */
export const PLAN_CHANGED = "plan_changed";

/**
 * What a run that was previewed may carry out. Refuses another spec at once; another plan is refused by the engine, in front of
 * its first change. A run that had begun before was compared then, and what is left of its plan is another one by nature.
 */
export function expectedPlan(run: StepRun, specDigest: string): Pick<RunHooks, "expectedPlan"> {
  const { plan } = run.input;
  if (plan === undefined || run.begunBefore) return {};
  if (plan.specDigest !== specDigest) {
    throw new StepError(
      PLAN_CHANGED,
      "Cannot deploy what was previewed: the tenant's record, its plane or the release must be as they were then, and the " +
        `spec has changed since (${plan.specDigest.slice(0, 12)} to ${specDigest.slice(0, 12)}). Nothing was applied; preview again.`,
    );
  }
  return { expectedPlan: { digest: plan.digest } };
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
