import { archiveMark, archivesOfTenant } from "../../registry/archive.ts";
import { driftFindingsResolve } from "../../registry/driftFinding.ts";
import { targetObserve, targetsOfTenant, targetUpdate } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { finishDecommission } from "./certificate.ts";
import { dataPlaceOf } from "./dataPlace.ts";
import { closeDatabaseStep, destroyDatabaseStep, destroyObjectsStep } from "./dataSteps.ts";
import { recordUnfinished } from "./observed.ts";
import { deletionOf, destroyStep, namingStack, orphanScanStep } from "./removal.ts";
import { publishRoutingStep } from "./routingStep.ts";
import { type Saga, type Step, StepError, type StepRun } from "./saga.ts";

/** A hold may have been placed since the operation was asked for. */
async function refuseHeld(run: StepRun): Promise<void> {
  const { legalHold } = await run.service.registry.read((db) => tenantGet(db, run.target.tenantId));
  if (legalHold === null) return;
  throw new StepError(
    "legal_hold",
    `Cannot destroy: a legal hold keeps the tenant since ${legalHold.placedAt} (${legalHold.reason}). ` +
      "When it is lifted, decommission again.",
  );
}

const checkHoldStep: Step = {
  name: "check_legal_hold",
  idempotence: "It only reads the registry.",
  async run(run) {
    await refuseHeld(run);
    return {};
  },
};

/** Steps take their time, and a retry begins with the one that failed: a hold keeps what is still there. */
function unlessHeld(step: Step): Step {
  return {
    ...step,
    async run(run) {
      await refuseHeld(run);
      return step.run(run);
    },
  };
}

/** Archives past their retention go with the tenant; the others stay until then and are named in the certificate. */
const deleteArchivesStep: Step = {
  name: "delete_archives",
  idempotence: "What is deleted already counts as deleted.",
  undo: "impossible",
  async run(run) {
    const { tenantId, targetId } = run.target;
    const all = await run.service.registry.read((db) => archivesOfTenant(db, tenantId));
    const mine = all.filter((archive) => archive.targetId === targetId && archive.state !== "deleted");
    const now = new Date().toISOString();
    const expired = mine.filter(({ retainUntil }) => retainUntil <= now);
    for (const archive of expired) await deleteArchive(run, archive);
    const retained = mine.length - expired.length;
    if (mine.length > 0) await run.say(`${expired.length} archives are deleted, ${retained} retained`);
    return { deleted: expired.length, retained };
  },
};

async function deleteArchive(
  run: StepRun,
  { archiveId, bucket, prefix }: { archiveId: string; bucket: string; prefix: string },
): Promise<void> {
  const { cloud } = await dataPlaceOf(run);
  await run.service.cloud.deleteObjects({ ...cloud, bucket, prefix });
  await run.change((change) => archiveMark(change, archiveId, "deleted", run.operation.reason));
}

/** Services may have written until they were stopped. */
const deleteLateObjectsStep: Step = { ...destroyObjectsStep, name: "delete_late_objects" };

/** Destroys a target for good. The tenant is deleted when its last target is gone. */
export const tenantDecommission: Saga = {
  kind: "tenant_decommission",
  steps: [
    ...[checkHoldStep, publishRoutingStep, closeDatabaseStep],
    ...[destroyDatabaseStep, namingStack(destroyObjectsStep)].map(unlessHeld),
    ...[destroyStep, deleteLateObjectsStep].map(unlessHeld),
    ...[orphanScanStep, unlessHeld(deleteArchivesStep)],
  ],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    const { target, operation, results, service } = run;
    const { tenantId, targetId } = target;
    const reason = operation.reason ?? undefined;
    const details = { ...results.scan_for_orphans, deleted: results.destroy?.deleted ?? 0 };
    await driftFindingsResolve(change, target, "decommission");
    await targetObserve(change, targetId, { health: "unknown", healthReason: "decommissioned" });
    const deletion = await deletionOf(change, run);
    const patch = { deploymentState: "absent", lastOperationStatus: "succeeded", appliedSpec: null } as const;
    const gone = { ...patch, deletion, deletedAt: change.now, suspensionMode: null };
    const { reason: why } = operation;
    await targetUpdate(change, targetId, gone, { action: "target.deleted", reason: why, details });
    const tenant = await tenantGet(change.db, tenantId);
    const left = await targetsOfTenant(change.db, tenantId);
    if (left.length > 0 || tenant.requestedStatus !== "deleted") return;
    await finishDecommission(service, change, tenantId, reason);
  },
};
