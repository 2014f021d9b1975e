import { driftFindingsResolve } from "../../registry/driftFinding.ts";
import { targetObserve, targetsOfTenant, targetUpdate } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { stackOf, withRecovery } from "./engineRun.ts";
import { recordUnfinished } from "./observed.ts";
import { type Saga, type Step, StepError } from "./saga.ts";

const namedOrphans = 10;

const destroyStep: Step = {
  name: "destroy",
  idempotence: "What is deleted is no longer in the stack's state; a stack that is gone counts as destroyed.",
  undo: "impossible",
  async run(run) {
    const { tenantId } = run.target;
    const stack = { ...stackOf(run), tenantId };
    const result = await withRecovery(run, () => run.service.engine.destroy(stack, run.hooks));
    await run.say(result.existed ? `${result.deleted} resources are deleted` : "There was no stack");
    return { ...result };
  },
};

/** Asks the cloud, not the state, what is left. Listings lag on AWS, so finding something is worth another look. */
const orphanScanStep: Step = {
  name: "scan_for_orphans",
  idempotence: "It only looks.",
  async run(run) {
    const { region, tenantId, planeName } = run.target;
    const tags = { "tenantry:tenant-id": tenantId, "tenantry:plane": planeName };
    const held = await run.service.cloud.listByTag({ region, tags });
    const orphans = held.filter((resource) => resource.state === "present");
    if (orphans.length > 0) {
      const names = orphans.slice(0, namedOrphans).map(({ arn }) => arn);
      throw new StepError(
        "orphans_left",
        `Cannot finish: nothing of the tenant may be left on ${planeName}, but the cloud still has ` +
          `${orphans.length} resources: ${names.join(", ")}. Delete them there, then decommission again.`,
        { retryable: true },
      );
    }
    const scheduled = held.map(({ arn, type, deletionAt }) => ({
      arn,
      type,
      deletionAt: deletionAt ?? null,
    }));
    await run.say(
      `Nothing is left${scheduled.length > 0 ? ` but ${scheduled.length} scheduled for deletion` : ""}`,
    );
    return { scheduledForDeletion: scheduled };
  },
};

/** Destroys a target for good. The tenant is deleted when its last target is gone. */
export const tenantDecommission: Saga = {
  kind: "tenant_decommission",
  steps: [destroyStep, orphanScanStep],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    const { target, operation, results } = run;
    const reason = operation.reason ?? undefined;
    const details = { ...results.scan_for_orphans, deleted: results.destroy?.deleted ?? 0 };
    await driftFindingsResolve(change, target, "decommission");
    await targetObserve(change, target.targetId, { health: "unknown", healthReason: "decommissioned" });
    await targetUpdate(
      change,
      target.targetId,
      {
        deploymentState: "absent",
        lastOperationStatus: "succeeded",
        deletedAt: change.now,
        appliedSpec: null,
      },
      { action: "target.deleted", reason: operation.reason, details },
    );
    const tenant = await tenantGet(change.db, target.tenantId);
    const left = await targetsOfTenant(change.db, target.tenantId);
    if (left.length > 0 || tenant.requestedStatus !== "deleted") return;
    await tenantTransitionComplete(change, target.tenantId, "decommission", reason);
  },
};
