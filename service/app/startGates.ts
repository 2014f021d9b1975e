import { ProblemError } from "../../contract/errors.ts";
import type { Pin } from "../../contract/pin.ts";
import type { Release } from "../../contract/release.ts";
import { releaseCompatibility } from "../../contract/releaseCompatibility.ts";
import type { Target } from "../../contract/target.ts";
import { pinAllows, pinsOf } from "../../registry/pin.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { releaseFind, releaseGet } from "../../registry/release.ts";
import { windowsOf } from "../../registry/window.ts";
import { type WindowClosed, windowAt } from "../windows/evaluate.ts";
import type { RequestContext } from "./context.ts";
import { FORCE_HEADER } from "./managed.ts";

/**
 * What may keep a change of running targets from starting: a pin to another release, a release that cannot run with the schema
 * that is there, windows and freezes. Asked inside the change that makes the operations. Onboarding, suspending and
 * the end of a tenant are not asked: they change nothing under those who work.
 */
type Gated = Pick<Target, "targetId" | "tenantId" | "planeName" | "currentReleaseNumber">;

/** A pin gives way to X-Tenantry-Force-Reason, which is audited; the pin stays. */
export async function refusePinned(
  context: Pick<RequestContext, "forceReason">,
  change: Change,
  targets: readonly Gated[],
  releaseNumber: number,
): Promise<void> {
  const pins = await pinsOf(
    change.db,
    targets.map(({ targetId }) => targetId),
    change.now,
  );
  for (const target of targets) {
    const pin = pins.get(target.targetId);
    if (pin === undefined || pinAllows(pin, releaseNumber, target.currentReleaseNumber)) continue;
    if (context.forceReason === undefined) throw pinned(target, pin, releaseNumber);
    await change.audit({
      action: "pin.forced",
      target: { type: "target", id: target.targetId },
      ...{ tenantId: target.tenantId, reason: context.forceReason },
      details: { pinId: pin.pinId, pinnedTo: pin.releaseNumber, releaseNumber },
    });
  }
}

function pinned(target: Gated, pin: Pin, releaseNumber: number): ProblemError {
  const release = pin.releaseNumber ?? target.currentReleaseNumber;
  const why = pin.kind === "rollback" ? "held there since it was rolled back" : "pinned to it";
  return new ProblemError("target_pinned", {
    detail: `Cannot bring the target on ${target.planeName} to release ${releaseNumber}: it must stay on release ${release}, ${why} at ${pin.createdAt} (${pin.reason}).`,
    hint: `Release the pin with POST /v1/control-plane/pins/${pin.pinId}/release, or send the header ${FORCE_HEADER} with a reason.`,
    errors: [
      { path: "target.pin", message: `holds ${target.planeName} on release ${release}`, value: pin.pinId },
    ],
  });
}

export async function refuseIncompatible(
  db: Reader,
  targets: readonly Gated[],
  release: Release,
): Promise<void> {
  for (const { planeName, currentReleaseNumber } of targets) {
    if (currentReleaseNumber === null) continue;
    const current = await releaseFind(db, currentReleaseNumber);
    const verdict = releaseCompatibility(current ?? null, release);
    if (verdict.compatible) continue;
    throw new ProblemError("release_incompatible", {
      detail: `Cannot bring the target on ${planeName} to release ${release.number}: ${verdict.why}.`,
      hint: "Choose a release whose compatibleSchemas hold the schema that is there; go there in two steps if need be.",
      errors: [
        { path: "target.currentReleaseNumber", message: "is not compatible", value: currentReleaseNumber },
      ],
    });
  }
}

/** Both, for one target that comes back from its rest. */
export async function refuseRelease(
  context: Pick<RequestContext, "forceReason">,
  change: Change,
  target: Gated,
  releaseNumber: number,
): Promise<void> {
  await refusePinned(context, change, [target], releaseNumber);
  await refuseIncompatible(change.db, [target], await releaseGet(change.db, releaseNumber));
}

export interface Emergency {
  readonly reason: string;
}

/** An emergency goes past windows and freezes, and is audited as `window.bypassed` with its reason on each target it was needed for. */
export async function refuseClosed(
  change: Change,
  targets: readonly Omit<Gated, "currentReleaseNumber">[],
  emergency: Emergency | undefined,
): Promise<void> {
  const rules = await windowsOf(change.db, targets);
  for (const target of targets) {
    const answer = windowAt(rules.get(target.targetId) ?? [], new Date(change.now));
    if (answer.open) continue;
    if (emergency === undefined) throw closed(target, answer);
    await change.audit({
      action: "window.bypassed",
      target: { type: "target", id: target.targetId },
      ...{ tenantId: target.tenantId, reason: emergency.reason },
      details: { planeName: target.planeName, closedBecause: answer.why },
    });
  }
}

/** What `refuseClosed` would throw, for whoever has no change open. */
export async function closedProblem(
  db: Reader,
  targets: readonly Omit<Gated, "currentReleaseNumber">[],
  now: Date,
): Promise<ProblemError | undefined> {
  const rules = await windowsOf(db, targets);
  for (const target of targets) {
    const answer = windowAt(rules.get(target.targetId) ?? [], now);
    if (!answer.open) return closed(target, answer);
  }
  return undefined;
}

function closed(
  { planeName, tenantId }: Pick<Gated, "planeName" | "tenantId">,
  { why, opensAt }: WindowClosed,
): ProblemError {
  const when = opensAt === null ? "nothing opens it within a year" : `it opens at ${opensAt.toISOString()}`;
  return new ProblemError("window_closed", {
    detail: `Cannot start a change on ${planeName} now: ${why}; ${when}.`,
    hint:
      `See GET /v1/control-plane/windows/evaluation?tenantId=${tenantId}; in an emergency send ` +
      '"emergency": {"reason": "…"}, which is audited.',
    errors: [
      { path: "target.window", message: "is closed", ...(opensAt && { value: opensAt.toISOString() }) },
    ],
  });
}
