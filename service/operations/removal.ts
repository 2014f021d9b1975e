import type { Change } from "../../registry/registry.ts";
import type { TargetDeletion } from "../../registry/schema.ts";
import { targetDeletion } from "../../registry/target.ts";
import { limits } from "../config/limits.ts";
import type { RecordedResource } from "../engine/engine.ts";
import { addDeletions } from "./certificate.ts";
import { dataPlaceOf } from "./dataPlace.ts";
import { destroyStack, stackOf } from "./engineRun.ts";
import { type EndedRun, type Step, StepError } from "./saga.ts";

/** Taking a target out of the cloud: for archiving, where its data is safe by then, and for good. */

const namedOrphans = 10;

/** What came before has taken the data; there is no way back but forward. */
export const destroyStep: Step = {
  name: "destroy",
  idempotence: "What is deleted is no longer in the stack's state; a stack that is gone counts as destroyed.",
  undo: "impossible",
  async run(run) {
    const { resources, lock: _broken, ...result } = await destroyStack(run);
    await run.say(result.existed ? `${result.deleted} resources are deleted` : "There was no stack");
    return { ...result, ...removing(resources) };
  },
};

/** With what is to be destroyed after this step: a destruction that was cut off finds less of it when it is done again. */
export function namingStack(step: Step): Step {
  return {
    ...step,
    async run(run) {
      const resources = await run.service.engine.recordedResources(stackOf(run));
      return { ...(await step.run(run)), ...removing(resources) };
    },
  };
}

type Removed = NonNullable<TargetDeletion["resources"]>;

interface Removing {
  readonly removes: Removed;
  readonly removesUnlisted: number;
}

function removing(resources: readonly RecordedResource[]): Removing {
  const removes = resources
    .slice(0, limits.certifiedResources)
    .map(({ resourceType: type, name }) => ({ type, name }));
  return { removes, removesUnlisted: resources.length - removes.length };
}

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
  return addDeletions(await targetDeletion(change.db, target.targetId), removedBy(results));
}

/**
 * The names alone, of a run that ended before all was gone: what it took away is not there for the next one to name. Whoever goes on with
 * it counts what it counted.
 */
export async function namesOf(
  change: Change,
  { results, target }: EndedRun,
): Promise<TargetDeletion | undefined> {
  if (results.drop_database === undefined && results.delete_objects === undefined) return undefined;
  const counted = { resourcesDeleted: 0, objectsDeleted: 0, resourcesUnlisted: 0 };
  const later = { ...removedBy(results), ...counted };
  return addDeletions(await targetDeletion(change.db, target.targetId), later);
}

function removedBy(results: EndedRun["results"]): TargetDeletion {
  const { drop_database, delete_objects, delete_late_objects, destroy, scan_for_orphans } = results;
  const dropped = (drop_database?.dropped ?? []) as readonly string[];
  const objects = [delete_objects, delete_late_objects].map((result) => Number(result?.objects ?? 0));
  const objectsDeleted = objects.reduce((sum, count) => sum + count, 0);
  // Both have read the stack's state: before anything was destroyed, and after what a cut had left open was settled.
  const stack = [delete_objects, destroy].map((result) => (result ?? {}) as Partial<Removing>);
  const from = delete_objects?.from;
  const resourcesDeleted = Number(destroy?.deleted ?? 0);
  // An operation that began before names were kept can only say how many there were.
  const isNamed = stack.some(({ removes }) => removes !== undefined);
  const unlisted = stack.map(({ removesUnlisted = isNamed ? 0 : resourcesDeleted }) => removesUnlisted);
  const resources: Removed = [
    ...stack.flatMap(({ removes = [] }) => removes),
    ...dropped.map((name) => ({ type: "postgresql", name })),
    ...(objectsDeleted === 0 || typeof from !== "string" ? [] : [{ type: "s3:objects", name: from }]),
  ];
  return {
    resourcesDeleted,
    database: dropped.length > 0 ? "dropped" : "none",
    objectsDeleted,
    scheduledForDeletion: (scan_for_orphans?.scheduledForDeletion ??
      []) as TargetDeletion["scheduledForDeletion"],
    resources,
    resourcesUnlisted: Math.max(...unlisted),
  };
}
