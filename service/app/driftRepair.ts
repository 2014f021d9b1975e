import type {
  DriftRepairCreate,
  DriftRepairPreview,
  DriftRepairPreviewCreate,
} from "../../contract/drift.ts";
import { ProblemError } from "../../contract/errors.ts";
import type { Operation, OperationAccepted } from "../../contract/operation.ts";
import { driftCauseGet } from "../../registry/driftCauseRead.ts";
import { driftSeen } from "../../registry/driftSeen.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { targetGet } from "../../registry/target.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { requireKnownCohort } from "./fleetScope.ts";
import { refuseForbidden } from "./repairGate.ts";
import { requestOperations } from "./requestOperations.ts";
import { refuseClosed } from "./startGates.ts";

/**
 * One repair for each target with something open that a repair puts right; none when there is nothing. What is being taken down is left
 * alone: a repair would put back what a decommissioning or an archiving that failed half-way has deleted. With a digest each
 * operation looks again first, and ends as `findings_changed` when it finds something else. A repair changes what runs, so windows and
 * freezes gate it like a deployment; policies are asked of the fleet at the door and of each tenant here.
 */
export async function driftRepairCreate(
  context: RequestContext,
  input: DriftRepairCreate,
): Promise<OperationAccepted> {
  await authorize(context, "driftRepairCreate");
  return changeAs(context, async (change) => {
    const { findingsDigest, emergency, reason, ...scope } = input;
    const seen = await seenIn(change.db, scope);
    if (findingsDigest !== undefined && findingsDigest !== seen.findingsDigest) throw changedSince(input);
    await refuseClosed(change, seen.targets, emergency);
    // Last, as it costs the most: a dozen reads for each tenant.
    await refuseForbidden(context, change.db, seen.targets);
    change.afterCommit(() => context.nudges.nudge("operations"));
    const operations: Operation[] = [];
    for (const { targetId, digest } of seen.targets) {
      const findings = findingsDigest === undefined ? {} : { findings: { digest } };
      operations.push(...(await requestRepair(change, targetId, findings, reason)));
    }
    return { operations };
  });
}

export interface RepairBinding {
  /** Digest of the target's findings that were seen. */
  readonly findings?: { readonly digest: string };
  /** Nobody asked for it: it must neither delete nor replace anything. */
  readonly automatic?: true;
}

/** Asked for by a request, a rollout's wave or the reconcile loop; as the release that runs there. */
export async function requestRepair(
  change: Change,
  targetId: string,
  binding: RepairBinding,
  reason: string | undefined,
  rolloutId?: string,
): Promise<Operation[]> {
  const target = await targetGet(change.db, targetId);
  const release = target.currentReleaseNumber;
  return requestOperations(change, [target], {
    kind: "drift_repair",
    state: "updating",
    input: { ...(release === null ? {} : { releaseNumber: release }), ...binding },
    reason,
    ...(rolloutId && { rolloutId }),
  });
}

/** In the loop's name: one target, what is open there now, and only what needs no person. */
export async function driftRepairAutomatic(
  context: RequestContext,
  tenantId: string,
  planes: readonly string[],
  reason: string,
): Promise<OperationAccepted> {
  await authorize(context, "driftRepairCreate");
  return changeAs(context, async (change) => {
    const { targets } = await driftSeen(change.db, { tenantIds: [tenantId], planes: [...planes] });
    change.afterCommit(() => context.nudges.nudge("operations"));
    const able = targets.filter(({ needsPerson }) => needsPerson === null);
    await refuseClosed(change, able, undefined);
    const operations: Operation[] = [];
    for (const { targetId, digest } of able) {
      const binding = { findings: { digest }, automatic: true } as const;
      operations.push(...(await requestRepair(change, targetId, binding, reason)));
    }
    return { operations };
  });
}

export async function driftRepairPreview(
  context: RequestContext,
  scope: DriftRepairPreviewCreate,
): Promise<DriftRepairPreview> {
  await authorize(context, "driftRepairPreview");
  return context.registry.read((db) => seenIn(db, scope));
}

async function seenIn(db: Reader, scope: DriftRepairPreviewCreate): Promise<DriftRepairPreview> {
  const { causeId, ...cohort } = scope;
  await requireKnownCohort(db, cohort);
  if (causeId !== undefined) await driftCauseGet(db, causeId, Date.now());
  return driftSeen(db, scope);
}

function changedSince({ findingsDigest }: DriftRepairCreate): ProblemError {
  const message = "must be the digest of what is open now";
  return new ProblemError("findings_changed", {
    detail: `Cannot repair: body.findingsDigest ${message}, and other findings are open by now.`,
    hint: "Look at POST /v1/control-plane/drift/repairs/preview again and send its digest.",
    errors: [{ path: "body.findingsDigest", message, value: findingsDigest }],
  });
}
