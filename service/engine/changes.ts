/** From the steps of a preview to planned changes, and their digest. Pure. */
import { createHash } from "node:crypto";
import type { StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import { STACK_TYPE } from "./deployment.ts";
import type { OpSummary, PlannedChange, PreviewResult, StackTarget } from "./engine.ts";
import { EngineError, resourceOf } from "./errors.ts";
import { plannedValues } from "./plannedValues.ts";
import type { Redactor } from "./redact.ts";

/** `refresh` is the look at the cloud before a repair; what it makes of the plan are steps of their own. */
const NO_CHANGE_OPS = new Set(["same", "read", "refresh"]);

/** Halves of a replacement that only repeat the `replace` step. */
const PARTIAL_OPS = new Set([
  "create-replacement",
  "delete-replaced",
  "discard-replaced",
  "remove-pending-replace",
]);

/** What cannot be changed, only followed by another revision: its replacement takes nothing away, and comes with every release. */
const REVISIONS = new Set(["aws:ecs/taskDefinition:TaskDefinition"]);

/** With the values that change. */
export function previewResult(
  steps: readonly StepEventMetadata[],
  summary: OpSummary,
  redact: Redactor,
): PreviewResult {
  const changes = steps.filter(isChange).map((step) => {
    const change = plannedChange(step);
    return { ...change, values: plannedValues(step, change.properties, redact) };
  });
  return planOf(changes, summary);
}

/** What a plan is compared by. */
export function comparedPlan(steps: readonly StepEventMetadata[], summary: OpSummary): PreviewResult {
  return planOf(steps.filter(isChange).map(plannedChange), summary);
}

export function planOf(changes: readonly PlannedChange[], summary: OpSummary): PreviewResult {
  return {
    changes,
    summary,
    digest: digestOf(changes),
    replaces: changes.filter(({ op, resourceType }) => op === "replace" && !REVISIONS.has(resourceType))
      .length,
    deletes: changes.filter(({ op }) => op === "delete").length,
  };
}

/** Not over the values: they follow from the spec, which is compared by its own digest. */
function digestOf(changes: readonly PlannedChange[]): string {
  const lines = changes.map(({ urn, op, properties, replaceProperties }) =>
    JSON.stringify([urn, op, properties, replaceProperties]),
  );
  return createHash("sha256").update(JSON.stringify(lines.sort())).digest("hex");
}

/** A resource's place in any tenant's stack. Only the stack's own logical name says whose it is. */
export function placeInStack({ resourceType, logicalName }: PlannedChange): string {
  return resourceType === STACK_TYPE ? STACK_TYPE : `${resourceType}::${logicalName}`;
}

/** Throws `plan_changed` unless what is planned is what was expected. */
export function assertPlan(target: StackTarget, expectedDigest: string, planned: PreviewResult): void {
  if (planned.digest === expectedDigest) return;
  throw new EngineError(
    "plan_changed",
    `Cannot change stack ${target.projectName}/${target.stackName}: the plan must be the one that was previewed ` +
      `(${expectedDigest.slice(0, 12)}), but ${planned.changes.length} other changes are planned now ` +
      `(${planned.digest.slice(0, 12)}). Preview again; nothing was changed.`,
    { plan: { expectedDigest, planned } },
  );
}

function isChange(step: StepEventMetadata): boolean {
  return !NO_CHANGE_OPS.has(step.op) && !PARTIAL_OPS.has(step.op);
}

function plannedChange(step: StepEventMetadata): PlannedChange {
  const detailed = Object.entries(step.detailedDiff ?? {});
  const properties = detailed.length > 0 ? detailed.map(([path]) => path) : [...(step.diffs ?? [])];
  const replaces = detailed.filter(([, diff]) => diff.diffKind.endsWith("-replace")).map(([path]) => path);
  return {
    ...resourceOf(step.urn),
    op: step.op,
    properties: properties.sort(),
    replaceProperties: (replaces.length > 0 ? replaces : [...(step.keys ?? [])]).sort(),
  };
}
