/** From the steps of a preview to planned changes, and their digest. Pure. */
import { createHash } from "node:crypto";
import type { StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import type { OpSummary, PlannedChange, PreviewResult } from "./engine.ts";
import { resourceOf } from "./errors.ts";

/** Halves of a replacement that only repeat the `replace` step. */
const PARTIAL_OPS = new Set([
  "create-replacement",
  "delete-replaced",
  "discard-replaced",
  "remove-pending-replace",
]);

export function previewResult(steps: readonly StepEventMetadata[], summary: OpSummary): PreviewResult {
  const changes = steps.filter(isChange).map(plannedChange);
  const plan = changes.map(({ urn, op, properties }) => [urn, op, properties]).sort();
  return { changes, summary, digest: createHash("sha256").update(JSON.stringify(plan)).digest("hex") };
}

function isChange(step: StepEventMetadata): boolean {
  return step.op !== "same" && step.op !== "read" && !PARTIAL_OPS.has(step.op);
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
