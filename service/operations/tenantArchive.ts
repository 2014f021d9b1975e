import { archiveCreate, archiveFind, archiveGet, archiveMark } from "../../registry/archive.ts";
import { driftFindingsResolve } from "../../registry/driftFinding.ts";
import { targetObserve, targetsOfTenant, targetUpdate } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { specDigest, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { ArchiveFacts } from "./archivePlace.ts";
import {
  archiveObjectsStep,
  closeDatabaseStep,
  deleteObjectsStep,
  dropDatabaseStep,
  dumpDatabaseStep,
  verifyArchiveStep,
} from "./dataSteps.ts";
import { nextGeneration, recordUnfinished } from "./observed.ts";
import { deletionOf, destroyStep, namingStack, orphanScanStep } from "./removal.ts";
import { publishRoutingStep } from "./routingStep.ts";
import type { ArchiveInput, Saga, Step, StepRun } from "./saga.ts";
import { appliedSpecStep, deployStep, resolvedOf, resolvedOnce, steadyStep } from "./steps.ts";

function archiveInput({ input }: StepRun): ArchiveInput {
  if (input.archive === undefined) throw new Error("Cannot archive: the request must have said how long");
  return input.archive;
}

/** An earlier attempt got past the verification: its source may be gone, so nothing of it is read again. */
function isVerified(run: StepRun): boolean {
  return archiveInput(run).archiveId !== undefined;
}

function unlessVerified(step: Step): Step {
  const { undo } = step;
  return {
    ...step,
    run: async (run) => (isVerified(run) ? { skipped: true } : step.run(run)),
    ...(typeof undo === "function" && {
      undo: async (run: StepRun) => (isVerified(run) ? undefined : undo(run)),
    }),
  };
}

const applied = appliedSpecStep(() => "suspended");

/** What is deployed, without a running task: where access alone was blocked, somebody may still write. */
const resolveStep: Step = {
  ...resolvedOnce(applied),
  async run(run) {
    const resolved = resolvedOf({ resolve_spec: await applied.run(run) });
    const spec: TenantSpec = { ...resolved.spec, workload: "suspended" };
    return { ...resolved, spec, digest: specDigest(spec) };
  },
};

/** From here on the archive is on record, and with it everything that a restore needs. */
const verifyStep: Step = {
  ...verifyArchiveStep,
  async run(run) {
    const { archiveId } = archiveInput(run);
    if (archiveId === undefined) return verifyArchiveStep.run(run);
    const { bucket, prefix, manifest } = await run.service.registry.read((db) => archiveGet(db, archiveId));
    await run.say(`Going on with archive ${archiveId}, which was verified before`);
    return { bucket, prefix, manifest };
  },
};

const recordArchiveStep: Step = {
  name: "record_archive",
  idempotence: "The archive has the operation's id; a second record of it changes nothing.",
  async run(run) {
    const { archiveId = run.causeId, retainUntil } = archiveInput(run);
    if (isVerified(run)) return { archiveId };
    const { tenantId, targetId, planeName, currentReleaseNumber: releaseNumber } = run.target;
    const facts = ArchiveFacts.parse(run.results.verify_archive);
    await run.change((change) =>
      archiveCreate(change, {
        ...{ archiveId, tenantId, targetId, planeName, releaseNumber, retainUntil },
        ...facts,
      }),
    );
    return { archiveId };
  },
  async undo(run) {
    if (isVerified(run)) return;
    const { reason } = run.operation;
    await run.change(async (change) => {
      if ((await archiveFind(change.db, run.causeId)) === undefined) return;
      await archiveMark(change, run.causeId, "deleted", reason);
    });
  },
};

/**
 * Stops what may still run of a suspended target, moves its data to archive storage and takes it out of the cloud. Nothing is removed before the
 * archive has been read back and found whole; until the stack is destroyed, everything can be brought back.
 */
export const tenantArchive: Saga = {
  kind: "tenant_archive",
  steps: [
    publishRoutingStep,
    ...[resolveStep, deployStep, steadyStep].map(unlessVerified),
    ...[closeDatabaseStep, dumpDatabaseStep, archiveObjectsStep].map(unlessVerified),
    ...[verifyStep, recordArchiveStep],
    ...[dropDatabaseStep, namingStack(deleteObjectsStep), destroyStep, orphanScanStep],
  ],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    const { target, operation, results } = run;
    const { tenantId, targetId } = target;
    await driftFindingsResolve(change, target, "decommission");
    await targetObserve(change, targetId, { health: "unknown", healthReason: "archived" });
    const patch = {
      deploymentState: "archived",
      lastOperationStatus: "succeeded",
      appliedSpec: null,
    } as const;
    const deletion = await deletionOf(change, run);
    await targetUpdate(
      change,
      targetId,
      { ...patch, deletion, currentSpecDigest: null, suspensionMode: null },
      {
        action: "target.archived",
        reason: operation.reason,
        details: { archiveId: results.record_archive?.archiveId ?? null, ...results.scan_for_orphans },
      },
    );
    // Its secrets keep their names until the end of their recovery window.
    await nextGeneration(change, target);
    const left = (await targetsOfTenant(change.db, tenantId)).filter(
      (one) => one.requestedState !== "absent" && one.deploymentState !== "archived",
    );
    const tenant = await tenantGet(change.db, tenantId);
    if (left.length > 0 || tenant.requestedStatus !== "archived") return;
    await tenantTransitionComplete(change, tenantId, "archive", operation.reason ?? undefined);
  },
};
