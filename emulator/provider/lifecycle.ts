/** What a type's create, read, update and delete do to the account. Each function is one transaction. */
import { AwsError } from "../awsError.ts";
import type { Caller, Cloud } from "../context.ts";
import { createContext, keyOf, nameScopeOf, regionOf } from "../context.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import type { ResourceRecord } from "../store/store.ts";
import { isList, prune, text, texts } from "../values.ts";
import { refreshedInputs, withoutBookkeeping } from "./inputs.ts";

/** Runtime member that lists properties changed through the control API since the last update. */
export const OUT_OF_BAND_KEY = "changedOutOfBand";

/** What a type can be asked about, and for whom. */
export interface Scope {
  readonly cloud: Cloud;
  readonly type: ResourceType;
  readonly caller: Caller;
}

export function tagsAllOf(type: ResourceType, properties: Properties): Properties {
  return type.taggable ? { tagsAll: properties.tags ?? {} } : {};
}

export function regionProperty(type: ResourceType, caller: Caller): Properties {
  return type.scope === "global" ? {} : { region: caller.region };
}

/** Properties less the inputs that the program no longer gives. */
export function withoutRemoved(
  properties: Properties,
  oldInputs: Properties,
  newInputs: Properties,
): Properties {
  const removed = new Set(Object.keys(oldInputs).filter((key) => newInputs[key] === undefined));
  return Object.fromEntries(Object.entries(properties).filter(([key]) => !removed.has(key)));
}

function refuseTakenName(scope: Scope, name: string, context: Context, ownId?: string): void {
  const { cloud, type, caller } = scope;
  const holder = cloud.store.findByName(type.token, nameScopeOf(type, caller), name);
  if (holder === undefined || holder.id === ownId) return;
  const refusal = type.nameTaken?.(name, holder, context);
  if (refusal !== undefined) throw refusal;
}

export function createResource(scope: Scope, inputs: Properties): ResourceRecord {
  const { cloud, type, caller } = scope;
  const own = withoutBookkeeping(inputs);
  return cloud.store.transaction(() => {
    const context = createContext(cloud, caller);
    const name = type.uniqueName?.(own, context);
    if (name !== undefined) refuseTakenName(scope, name, context);
    const created = type.create(own, context);
    const properties = prune({
      ...own,
      ...tagsAllOf(type, own),
      ...regionProperty(type, caller),
      ...created.properties,
    });
    return cloud.store.put({
      account: caller.account,
      region: regionOf(type, caller),
      type: type.token,
      id: created.id,
      arn: text(properties, "arn"),
      name,
      nameScope: name === undefined ? undefined : nameScopeOf(type, caller),
      properties,
      inputKeys: Object.keys(own),
      runtime: prune(created.runtime ?? {}),
      references: type.references?.(properties) ?? [],
    });
  });
}

function notFound(type: ResourceType, id: string): AwsError {
  return new AwsError("ResourceNotFoundException", `couldn't find resource ${id} (${type.token})`, 404);
}

export function updateResource(
  scope: Scope,
  id: string,
  oldInputs: Properties,
  inputs: Properties,
): ResourceRecord {
  const { cloud, type, caller } = scope;
  const own = withoutBookkeeping(inputs);
  return cloud.store.transaction(() => {
    const context = createContext(cloud, caller);
    const current = findPresent(scope, id);
    if (current === undefined) throw notFound(type, id);
    const name = type.uniqueName?.(own, context) ?? current.name;
    if (name !== undefined && name !== current.name) refuseTakenName(scope, name, context, id);
    const updated = type.update?.(own, current, context, withoutBookkeeping(oldInputs)) ?? {};
    // Read again: the type's side effects may have reached this very object.
    const latest = findPresent(scope, id) ?? current;
    const properties = prune({
      ...withoutRemoved(latest.properties, withoutBookkeeping(oldInputs), own),
      ...own,
      ...tagsAllOf(type, own),
      ...updated.properties,
    });
    const { [OUT_OF_BAND_KEY]: _, ...runtime } = updated.runtime ?? latest.runtime;
    cloud.store.change(keyOf(current), {
      arn: text(properties, "arn"),
      name,
      properties,
      inputKeys: Object.keys(own),
      runtime: prune(runtime),
      references: type.references?.(properties) ?? [],
    });
    return findPresent(scope, id) ?? current;
  });
}

/** An object that is gone already counts as deleted. */
export function deleteResource(scope: Scope, id: string): void {
  const { cloud, type, caller } = scope;
  cloud.store.transaction(() => {
    const current = findPresent(scope, id);
    if (current === undefined) return;
    const scheduled = type.delete?.(current, createContext(cloud, caller));
    if (scheduled === undefined) cloud.store.remove(keyOf(current));
    else cloud.store.change(keyOf(current), { deletionAtMs: scheduled.deletionAt.getTime(), references: [] });
  });
}

export function findPresent(scope: Scope, id: string): ResourceRecord | undefined {
  const { cloud, type, caller } = scope;
  const { account } = caller;
  const found = cloud.store.find({ account, region: regionOf(type, caller), type: type.token, id });
  return found?.state === "present" ? found : undefined;
}

/** Its attributes as AWS would describe them now. */
export function describeResource(scope: Scope, resource: StoredResource): Properties {
  const { cloud, type, caller } = scope;
  if (type.read === undefined) return resource.properties;
  return prune({ ...resource.properties, ...type.read(resource, createContext(cloud, caller)) });
}

export interface ReadResult {
  readonly id: string;
  readonly properties: Properties;
  readonly inputs: Properties;
}

/** For refresh, import and `get`; undefined when there is no such object. */
export function readResource(
  scope: Scope,
  id: string,
  oldInputs: Properties | undefined,
): ReadResult | undefined {
  const { cloud, type, caller } = scope;
  return cloud.store.transaction(() => {
    const found = findPresent(scope, id) ?? findImported(scope, id);
    if (found === undefined) return undefined;
    const properties = describeResource(scope, found);
    const keys = new Set(found.inputKeys);
    const importInputs = Object.fromEntries(Object.entries(properties).filter(([key]) => keys.has(key)));
    const changed = isList(found.runtime[OUT_OF_BAND_KEY]) ? texts(found.runtime, OUT_OF_BAND_KEY) : [];
    const refresh = oldInputs !== undefined && Object.keys(oldInputs).length > 0;
    return {
      id: found.id,
      properties: { ...regionProperty(type, caller), ...properties },
      inputs: refresh ? refreshedInputs(type, oldInputs, properties, changed) : importInputs,
    };
  });
}

function findImported(scope: Scope, importId: string): ResourceRecord | undefined {
  const { cloud, type, caller } = scope;
  const found = type.import?.(importId, createContext(cloud, caller));
  return found === undefined ? undefined : findPresent(scope, found.id);
}
