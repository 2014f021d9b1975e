import type { Catalogue } from "./catalogue.ts";
import { randomIds } from "./ids.ts";
import type { Profile } from "./profile.ts";
import type { Context, Properties, ResourceType, StoredResource } from "./resourceType.ts";
import { GLOBAL_REGION } from "./resourceType.ts";
import type { ResourceKey, Store } from "./store/store.ts";
import { prune, text } from "./values.ts";

/** What a call needs of the cloud around it. */
export interface Cloud {
  readonly store: Store;
  readonly catalogue: Catalogue;
  profile(): Profile;
  nowMs(): number;
}

export interface Caller {
  readonly account: string;
  readonly region: string;
  readonly callerArn: string;
}

export function partitionOf(region: string): { partition: string; dnsSuffix: string } {
  if (region.startsWith("cn-")) return { partition: "aws-cn", dnsSuffix: "amazonaws.com.cn" };
  if (region.startsWith("us-gov-")) return { partition: "aws-us-gov", dnsSuffix: "amazonaws.com" };
  return { partition: "aws", dnsSuffix: "amazonaws.com" };
}

/** Where a type's objects are stored for a caller. */
export function regionOf(type: ResourceType, caller: { region: string }): string {
  return type.scope === "global" ? GLOBAL_REGION : caller.region;
}

/** Two names clash when they are equal within the same scope. */
export function nameScopeOf(type: ResourceType, caller: { account: string; region: string }): string {
  if (type.uniqueIn === "global") return "*";
  if (type.uniqueIn === "account" || type.scope === "global") return caller.account;
  return `${caller.account}/${caller.region}`;
}

export function keyOf(resource: StoredResource): ResourceKey {
  return { account: resource.account, region: resource.region, type: resource.type, id: resource.id };
}

function merged(current: Properties, changes: Properties): Properties {
  return prune({ ...current, ...changes });
}

/** Replaces an object's properties and all that is indexed by them. */
export function storeProperties(cloud: Cloud, resource: StoredResource, properties: Properties): void {
  const type = cloud.catalogue.resourceType(resource.type);
  cloud.store.change(keyOf(resource), {
    properties,
    arn: text(properties, "arn") ?? resource.arn,
    references: type?.references?.(properties) ?? [],
  });
}

export function createContext(cloud: Cloud, caller: Caller): Context {
  const { store, catalogue } = cloud;
  const { account, region } = caller;
  const { partition, dnsSuffix } = partitionOf(region);
  const present = (resource: StoredResource | undefined) =>
    resource?.state === "present" ? resource : undefined;

  return {
    account,
    region,
    partition,
    dnsSuffix,
    callerArn: caller.callerArn,
    nowMs: cloud.nowMs(),
    profile: cloud.profile(),
    ids: randomIds,
    arn: (service, resource, parts) =>
      `arn:${partition}:${service}:${parts?.region ?? region}:${parts?.account ?? account}:${resource}`,
    byId(token, id) {
      const type = catalogue.requireResourceType(token);
      return present(store.find({ account, region: regionOf(type, caller), type: token, id }));
    },
    byArn: (arn) => present(store.findByArn(arn)),
    byName(token, name, options) {
      const type = catalogue.requireResourceType(token);
      const found = store.findByName(token, nameScopeOf(type, caller), name);
      return options?.scheduled === true ? found : present(found);
    },
    list(token, options) {
      const type = catalogue.requireResourceType(token);
      const all = store.list({ account, region: regionOf(type, caller), type: token });
      return options?.scheduled === true ? all : all.filter((resource) => resource.state === "present");
    },
    count: (token) =>
      store.count({
        account,
        region: regionOf(catalogue.requireResourceType(token), caller),
        type: token,
      }),
    sequence: (counter) => store.nextValue(`${account}/${region}/${counter}`),
    holdsObjects: (bucket) => store.contents.holdsObjects(bucket),
    referrers: (identifier, type) => store.referrers(account, identifier, type),
    change(resource, properties) {
      const current = store.find(keyOf(resource));
      if (current !== undefined) storeProperties(cloud, current, merged(current.properties, properties));
    },
    setRuntime: (resource, runtime) => store.change(keyOf(resource), { runtime: prune(runtime) }),
    remove: (resource) => store.remove(keyOf(resource)),
  };
}
