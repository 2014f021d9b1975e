/**
 * Settling what an unclean end left pending, as edits of the deployment. Pure: who asks the cloud and who runs the
 * engine is recover.ts.
 *
 * An interrupted creation is adopted: its resource enters the state with the id that its object has or would have, with the
 * inputs it was called with (secrets stay encrypted). Reading the cloud afterwards fills in the rest, and drops it
 * again where there is no such object. It is marked to be read before it is used, so a crash in between, after which
 * another host may go on, changes nothing: the next `up` reads it first.
 */
import {
  type Deployment,
  type DeploymentResource,
  resourcesOf,
  withoutPendingOperations,
} from "./deployment.ts";
import type { PhysicalId } from "./physicalIds.ts";

export interface Adoption {
  readonly urn: string;
  readonly physical: PhysicalId;
}

/** The resources whose creation was interrupted, each once, as they were sent to the provider. */
export function interruptedCreations(deployment: Deployment): readonly DeploymentResource[] {
  const found = new Map<string, DeploymentResource>();
  for (const { resource, type } of deployment.deployment.pending_operations ?? []) {
    if (type === "creating" || type === "importing" || type === "refused") found.set(resource.urn, resource);
  }
  return [...found.values()];
}

/** Of these the ones whose object was there before: it may be anybody's. */
export function refusedCreations(deployment: Deployment): ReadonlySet<string> {
  const refused = (deployment.deployment.pending_operations ?? []).filter(({ type }) => type === "refused");
  return new Set(refused.map(({ resource }) => resource.urn));
}

/** Of resources that are in the state as they were before their update. */
export function interruptedUpdates(deployment: Deployment): readonly string[] {
  const recorded = new Set(resourcesOf(deployment).map(({ urn }) => urn));
  const updating = (deployment.deployment.pending_operations ?? []).filter(({ type }) => type === "updating");
  return [...new Set(updating.map(({ resource }) => resource.urn))].filter((urn) => recorded.has(urn));
}

/** The deployment with the adopted resources in it; one that is in it already, from an earlier try, is left as it is. */
export function withAdopted(deployment: Deployment, adoptions: readonly Adoption[]): Deployment {
  const sent = new Map(interruptedCreations(deployment).map((resource) => [resource.urn, resource]));
  const resources = [...resourcesOf(deployment)];
  for (const { urn, physical } of adoptions) {
    const resource = sent.get(urn);
    const place = resources.findIndex((existing) => existing.urn === urn && existing.delete !== true);
    const existing = resources[place];
    if (resource === undefined || existing?.id === physical.id) continue;
    // It was being replaced: the old one is to be deleted, as it would have been.
    if (existing !== undefined) resources[place] = { ...existing, delete: true };
    resources.push(adopted(resource, physical));
  }
  // The CLI drops these records as it writes, but for the notes of interrupted.ts; the id spares them another search.
  const ids = new Map(adoptions.map(({ urn, physical }) => [urn, physical.id]));
  const pending_operations = (deployment.deployment.pending_operations ?? []).map((operation) => {
    const id = ids.get(operation.resource.urn);
    return id === undefined ? operation : { ...operation, resource: { ...operation.resource, id } };
  });
  return { ...deployment, deployment: { ...deployment.deployment, resources, pending_operations } };
}

function adopted(resource: DeploymentResource, { id, properties }: PhysicalId): DeploymentResource {
  const outputs = { ...resource.inputs, ...properties, id };
  return { ...resource, id, outputs, refreshBeforeUpdate: true };
}

/**
 * After the cloud was read: the deployment without pending records. Where a replacement turned out not to exist, the old
 * resource is the resource again.
 */
export function settled(deployment: Deployment, adoptions: readonly Adoption[]): Deployment {
  const clean = withoutPendingOperations(deployment);
  const wanted = new Set(adoptions.map(({ urn }) => urn));
  const alive = new Set(
    resourcesOf(clean)
      .filter((resource) => resource.delete !== true)
      .map(({ urn }) => urn),
  );
  const resources = resourcesOf(clean).map((resource) => {
    if (resource.delete !== true || !wanted.has(resource.urn) || alive.has(resource.urn)) return resource;
    const { delete: _marked, ...rest } = resource;
    return rest;
  });
  return { ...clean, deployment: { ...clean.deployment, resources } };
}

/** Adopted objects that carry somebody else's tags: the name was taken before, and what has it is not this tenant's. */
export function foreignAdoptions(
  deployment: Deployment,
  creations: readonly DeploymentResource[],
  adoptions: readonly Adoption[],
  tag: { readonly key: string; readonly value: string },
): readonly DeploymentResource[] {
  const adoptedUrns = new Set(adoptions.map(({ urn }) => urn));
  // Reading the cloud changes the inputs in the state; the record of the creation has them as they were sent.
  const tagged = creations
    .filter(({ urn, inputs }) => adoptedUrns.has(urn) && tagOf(inputs?.tags, tag.key) === tag.value)
    .map(({ urn }) => urn);
  return resourcesOf(deployment).filter(({ urn, outputs, delete: marked }) => {
    if (marked === true || !tagged.includes(urn)) return false;
    return tagOf(outputs?.tagsAll ?? outputs?.tags, tag.key) !== tag.value;
  });
}

export function withoutResources(deployment: Deployment, gone: readonly DeploymentResource[]): Deployment {
  const resources = resourcesOf(deployment).filter((resource) => !gone.includes(resource));
  return { ...deployment, deployment: { ...deployment.deployment, resources } };
}

export function tagOf(tags: unknown, key: string): string | undefined {
  if (typeof tags !== "object" || tags === null) return undefined;
  const found = Object.entries(tags).find(([name]) => name === key)?.[1];
  return typeof found === "string" ? found : undefined;
}
