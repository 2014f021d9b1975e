import {
  type Adoption,
  foreignAdoptions,
  interruptedCreations,
  interruptedUpdates,
  refusedCreations,
  settled,
  tagOf,
  withAdopted,
  withoutResources,
} from "./adoption.ts";
import {
  type Deployment,
  type DeploymentResource,
  pendingOperations,
  recordedIdentifiers,
  withoutPendingOperations,
} from "./deployment.ts";
import type { RecoverOptions, RunHooks, StackTarget } from "./engine.ts";
import { EngineError } from "./errors.ts";
import { TENANT_TAG } from "./identity.ts";
import type { InterruptedNotes } from "./interrupted.ts";
import { idRuleOf, type PhysicalId } from "./physicalIds.ts";
import type { Runs } from "./runs.ts";
import type { StateStore } from "./stateStore.ts";

/** Names the resource of a stack that an object was made for; stacks/tenant/resourceTag.ts writes it. */
const RESOURCE_TAG = "tenantry:resource";

/**
 * Makes a stack fit for `up` again after an unclean end: every interrupted creation is looked up in the cloud, adopted
 * when its object is there and forgotten when it is not. What was in the way of a creation is adopted only when its tags say
 * that it was made for this very resource. Of interrupted updates the cloud is read: going back to what
 * was before, the state alone would show nothing to do. Interrupted deletions only lose their record, since their
 * resource is still in the state and the next run deletes it again.
 *
 * Answers the state as it is then, and the URNs of what was adopted.
 */
export async function recoverStack(
  parts: { readonly runs: Runs; readonly store: StateStore; readonly notes: InterruptedNotes },
  target: StackTarget,
  options: RecoverOptions,
  hooks: RunHooks = {},
): Promise<{ readonly deployment: Deployment | undefined; readonly adopted: readonly string[] }> {
  const { store, runs, notes } = parts;
  const deployment = await store.read(target);
  if (deployment === undefined || pendingOperations(deployment).length === 0)
    return { deployment, adopted: [] };
  const creations = interruptedCreations(deployment);
  const adoptions = await adoptionsFor(target, deployment, creations, options);
  const adopted = adoptions.map(({ urn }) => urn);
  const urns = [...adopted, ...interruptedUpdates(deployment)];
  if (urns.length === 0)
    return { deployment: await write(store, target, withoutPendingOperations(deployment)), adopted };
  if (adoptions.length > 0) await store.write(target, withAdopted(deployment, adoptions));
  await runs.run({ kind: "refresh", target, urns }, hooks);
  const read = await store.read(target);
  if (read === undefined) return { deployment: undefined, adopted: [] };
  const foreign = foreignAdoptions(read, creations, adoptions, { key: TENANT_TAG, value: options.tenantId });
  const clean = await write(store, target, settled(withoutResources(read, foreign), adoptions));
  if (foreign.length === 0) return { deployment: clean, adopted };
  // Nothing of this stack's own is unknown any more: what there is can be gone on with, or taken down.
  await notes.forget(target);
  const listed = foreign.map(({ type, id }) => `${type} ${id}`).join(", ");
  throw unclean(
    target,
    `these names are taken by objects that are not this tenant's: ${listed}. Find out whose they are and delete or ` +
      "rename them, then try again",
  );
}

async function write(store: StateStore, target: StackTarget, deployment: Deployment): Promise<Deployment> {
  await store.write(target, deployment);
  return deployment;
}

async function adoptionsFor(
  target: StackTarget,
  deployment: Deployment,
  creations: readonly DeploymentResource[],
  options: RecoverOptions,
): Promise<readonly Adoption[]> {
  const adoptions: Adoption[] = [];
  const unknown: DeploymentResource[] = [];
  const recorded = recordedIdentifiers(deployment);
  const refused = refusedCreations(deployment);
  for (const resource of creations) {
    const rule = idRuleOf(resource.type);
    const tag = tagOf(resource.inputs?.tags, RESOURCE_TAG);
    if (refused.has(resource.urn)) {
      const own = tag === undefined ? undefined : await byTag(target, resource, tag, recorded, options);
      if (own !== undefined) adoptions.push({ urn: resource.urn, physical: own });
      continue;
    }
    if (resource.id) {
      const { id } = resource;
      const properties = id.startsWith("arn:") ? { arn: id } : {};
      adoptions.push({ urn: resource.urn, physical: { id, properties } });
      continue;
    }
    if (rule?.from === "nothing") continue;
    const physical =
      byInputs(resource, options) ??
      (tag === undefined ? undefined : await byTag(target, resource, tag, recorded, options));
    if (physical !== undefined) adoptions.push({ urn: resource.urn, physical });
    else if (tag === undefined) unknown.push(resource);
  }
  if (unknown.length > 0) await refuseOrphans(target, deployment, unknown, adoptions, options);
  return adoptions;
}

/** The object of the name that the resource was called with, there or not; undefined where names tell nothing. */
function byInputs(
  { type, inputs = {} }: DeploymentResource,
  { place }: RecoverOptions,
): PhysicalId | undefined {
  const rule = idRuleOf(type);
  return rule?.from === "inputs" ? rule.idOf(inputs, place) : undefined;
}

/** The object that carries the resource's tag; `find` answers for the lag of the cloud's listings. */
async function byTag(
  target: StackTarget,
  resource: DeploymentResource,
  tag: string,
  recorded: ReadonlySet<string>,
  options: RecoverOptions,
): Promise<PhysicalId | undefined> {
  const held = await options.find({ [TENANT_TAG]: options.tenantId, [RESOURCE_TAG]: tag });
  const rule = idRuleOf(resource.type);
  // What it was to replace carries the same tag.
  const found = held.filter(
    (arn) => !recorded.has(arn) && !(rule?.from === "tag" && recorded.has(rule.idOf(arn).id)),
  );
  const [arn, another] = found;
  if (arn === undefined) return undefined;
  const named = byInputs(resource, options);
  if (named !== undefined) return named;
  if (another === undefined && rule?.from === "tag") return rule.idOf(arn);
  throw unclean(
    target,
    `an interrupted run has made ${found.join(", ")} for ${resource.type} "${resource.urn.split("::").at(-1)}", which ` +
      "cannot be taken into the state by itself. Delete it in the cloud, then try again",
  );
}

/** Without a rule and without a tag nobody can tell an object of the resource from others. */
async function refuseOrphans(
  target: StackTarget,
  deployment: Deployment,
  unknown: readonly DeploymentResource[],
  adoptions: readonly Adoption[],
  options: RecoverOptions,
): Promise<void> {
  const recorded = new Set(recordedIdentifiers(deployment));
  for (const { physical } of adoptions) {
    recorded.add(physical.id);
    if (typeof physical.properties?.arn === "string") recorded.add(physical.properties.arn);
  }
  const orphans = await options.findOrphans(recorded);
  if (orphans.length === 0) return;
  const types = [...new Set(unknown.map(({ type }) => type))].join(", ");
  throw unclean(
    target,
    `the creation of ${types} was interrupted, and the cloud holds what the state does not: ${orphans.join(", ")}. ` +
      "Delete what of it belongs to that creation, then try again",
  );
}

function unclean(target: StackTarget, why: string): EngineError {
  const stack = `${target.projectName}/${target.stackName}`;
  return new EngineError("unclean_state", `Cannot change stack ${stack}: ${why}. Nothing else was changed.`);
}
