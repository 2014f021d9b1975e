import type { Change } from "../../registry/registry.ts";
import type { TargetDeletion } from "../../registry/schema.ts";
import { targetDeletion } from "../../registry/target.ts";
import { addDeletions } from "./certificate.ts";
import { dataPlaceOf } from "./dataPlace.ts";
import { stackOf, withRecovery } from "./engineRun.ts";
import { type EndedRun, type Step, StepError } from "./saga.ts";

/** Taking a target out of the cloud: for archiving, where its data is safe by then, and for good. */

const namedOrphans = 10;

/** What came before has taken the data; there is no way back but forward. */
export const destroyStep: Step = {
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
export const orphanScanStep: Step = {
  name: "scan_for_orphans",
  idempotence: "It only looks.",
  async run(run) {
    const { tenantId, planeName } = run.target;
    const { cloud } = await dataPlaceOf(run);
    const tags = { "tenantry:tenant-id": tenantId, "tenantry:plane": planeName };
    const held = await run.service.cloud.listByTag({ ...cloud, tags });
    const orphans = held.filter((resource) => resource.state === "present");
    if (orphans.length > 0) {
      const names = orphans.slice(0, namedOrphans).map(({ arn }) => arn);
      throw new StepError(
        "orphans_left",
        `Cannot finish: nothing of the tenant may be left on ${planeName}, but the cloud still has ` +
          `${orphans.length} resources: ${names.join(", ")}. Delete them there, then retry this operation.`,
        { retryable: true },
      );
    }
    const scheduled = held.map(({ arn, type, deletionAt }) => ({
      ...{ arn, type },
      deletionAt: deletionAt ?? null,
    }));
    await run.say(
      `Nothing is left${scheduled.length > 0 ? ` but ${scheduled.length} scheduled for deletion` : ""}`,
    );
    return { scheduledForDeletion: scheduled };
  },
};

/** What this run has removed, with what earlier ones had, for the deletion certificate. */
export async function deletionOf(change: Change, { results, target }: EndedRun): Promise<TargetDeletion> {
  const dropped = results.drop_database?.dropped;
  return addDeletions(await targetDeletion(change.db, target.targetId), {
    resourcesDeleted: Number(results.destroy?.deleted ?? 0),
    database: Array.isArray(dropped) && dropped.length > 0 ? "dropped" : "none",
    objectsDeleted:
      Number(results.delete_objects?.objects ?? 0) + Number(results.delete_late_objects?.objects ?? 0),
    scheduledForDeletion: (results.scan_for_orphans?.scheduledForDeletion ??
      []) as TargetDeletion["scheduledForDeletion"],
  });
}
