import { type FieldError, ProblemError } from "../../../contract/errors.ts";
import type { Rollout } from "../../../contract/rollout.ts";
import type { Target } from "../../../contract/target.ts";
import type { Reader } from "../../../registry/registry.ts";
import { type PreviewedFacts, rolloutPreviewedTargets } from "../../../registry/rolloutPreviewed.ts";
import type { Settings } from "../../config.ts";
import { NO_CHANGES, NO_SPEC } from "./preview.ts";
import { type Resolved, resolveTargets } from "./specs.ts";

/** More than these are counted, not named. */
const ERRORS_NAMED = 100;

/**
 * Whether what was previewed is still what would be deployed, from the registry alone: a few queries for every couple of hundred
 * targets, no engine run. What only the engine can see, each target's own operation looks at right before it changes anything.
 */
export async function refuseOutdated(
  db: Reader,
  settings: Settings,
  rollout: Rollout,
  previewDigest: string,
): Promise<void> {
  if (rollout.previewDigest !== previewDigest) throw otherPreview(rollout);
  const previewed = await rolloutPreviewedTargets(db, rollout.rolloutId);
  const facts = new Map(previewed.map((one) => [one.targetId, one]));
  const errors: FieldError[] = previewed.flatMap(whyUnpreviewed);
  const toCompare = previewed.filter(({ previewError }) => previewError === null);
  for await (const resolved of resolveTargets(db, settings, rollout.change, toCompare)) {
    const one = facts.get(resolved.target.targetId);
    const message = one && whatChanged(one, resolved);
    if (message !== undefined) errors.push(errorOf(resolved.target, message));
  }
  if (errors.length === 0) return;
  const more = errors.length > ERRORS_NAMED ? ` The first ${ERRORS_NAMED} are named.` : "";
  throw new ProblemError("preview_outdated", {
    detail: `Cannot start: every target must be as it was previewed, and ${errors.length} are not.${more}`,
    hint: "Preview again and look at what changed, or skip these targets.",
    errors: errors.slice(0, ERRORS_NAMED),
    rolloutId: rollout.rolloutId,
  });
}

function otherPreview({ rolloutId, previewDigest }: Rollout): ProblemError {
  return new ProblemError("preview_outdated", {
    detail: "Cannot start: previewDigest must be of the rollout's last preview, got another one's.",
    hint: "Get the preview, look at what it would change, and send its previewDigest.",
    errors: [
      { path: "body.previewDigest", message: "is of another preview", hint: `It is ${previewDigest}` },
    ],
    rolloutId,
  });
}

function whyUnpreviewed({ targetId, tenantId, planeName, previewError }: PreviewedFacts): FieldError[] {
  if (previewError === null) return [];
  return [errorOf({ targetId, tenantId, planeName }, `could not be previewed: ${previewError}`)];
}

function errorOf(
  { targetId, tenantId, planeName }: Pick<Target, "targetId" | "tenantId" | "planeName">,
  message: string,
): FieldError {
  return { path: `targets.${targetId}`, message: `tenant ${tenantId} on ${planeName}: ${message}` };
}

/** In words; undefined when nothing has. */
function whatChanged(
  { specDigest, planDigest, previewedAt }: PreviewedFacts,
  { target, tenant, digest, problem, isApplied, isToMend }: Resolved,
): string | undefined {
  if (problem !== undefined) return problem;
  const since = previewedAt ?? "";
  if ((digest ?? NO_SPEC) !== specDigest) {
    if (tenant.updatedAt > since) return `the tenant's record was changed at ${tenant.updatedAt}`;
    if (target.updatedAt > since) return `the target was changed at ${target.updatedAt}`;
    return "its spec is another one: the plane's outputs, its placement or this service have changed";
  }
  const wasApplied = planDigest === NO_CHANGES.digest;
  if (isApplied && !wasApplied) return "it has been deployed meanwhile";
  if (!isApplied && wasApplied)
    return `nothing was to be done, and now it is ${isToMend ? "drifted" : whyToDo(target)}`;
  return undefined;
}

function whyToDo({ lastOperationStatus }: Target): string {
  return lastOperationStatus === "succeeded"
    ? "another deployment"
    : `after an operation that ${lastOperationStatus}`;
}
