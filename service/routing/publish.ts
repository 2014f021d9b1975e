import type { RoutingSnapshot } from "../../contract/routing.ts";
import { planeGet } from "../../registry/plane.ts";
import { routedPlanes, routingSnapshot, routingVersion } from "../../registry/routing.ts";
import { parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { SERVICE_NAMES, SERVICE_SHAPES } from "../../stacks/tenant/spec.ts";
import type { ServiceContext } from "../app/context.ts";
import { cloudPlace } from "../operations/dataPlace.ts";
import { bucketStore, folderStore, type SnapshotStore, snapshotFolder } from "./snapshotStore.ts";

/**
 * Brings the registry's routing to where the planes' routers read it. The registry numbers the versions; a store only
 * ever holds the newest. It promises that the store ends at the newest version whoever writes in which order, and it
 * refuses nothing: a store that is away is an error of the step that publishes, which is tried again.
 */
export const ROUTED_SERVICES: readonly string[] = SERVICE_NAMES.filter((name) => SERVICE_SHAPES[name].http);

/** Writers that overtake each other are few; more rounds than this mean that something else is wrong. */
const MAX_ROUNDS = 20;

export async function publishSnapshot(
  service: ServiceContext,
  snapshot: RoutingSnapshot,
): Promise<RoutingSnapshot> {
  const { planeName } = snapshot;
  const store = await storeOf(service, planeName);
  let newest = snapshot;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    await store.put(newest);
    // A slower writer may have put an older version over a newer one, and whoever did so comes through here.
    const version = await service.registry.read((db) => routingVersion(db, planeName));
    if (version <= newest.version) return newest;
    newest = await currentSnapshot(service, planeName);
  }
  return newest;
}

/** At start: what a crash between the registry and the store, or a lost store, has left behind. */
export async function republishAll(service: ServiceContext): Promise<void> {
  const planes = await service.registry.read(routedPlanes);
  for (const planeName of planes) {
    try {
      const snapshot = await currentSnapshot(service, planeName);
      const published = await (await storeOf(service, planeName)).latest();
      if (published?.checksum !== snapshot.checksum) await publishSnapshot(service, snapshot);
    } catch (thrown) {
      service.log.error({ err: thrown, planeName }, "cannot publish the plane's routing again");
    }
  }
}

export function currentSnapshot(service: ServiceContext, planeName: string): Promise<RoutingSnapshot> {
  return service.registry.record((books) => routingSnapshot(books, planeName, ROUTED_SERVICES));
}

/** As the planes' programs tell their routers. */
const ROUTING_PREFIX = "routing/";

async function storeOf(
  { settings, registry, cloud }: ServiceContext,
  planeName: string,
): Promise<SnapshotStore> {
  if (settings.cloud === "local") return folderStore(snapshotFolder(settings.dataDir, planeName));
  const plane = await registry.read((db) => planeGet(db, planeName));
  const { snapshotBucketName: bucket } = parsePlaneOutputs(plane.outputs);
  return bucketStore(cloud, { place: cloudPlace(plane, settings), bucket, prefix: ROUTING_PREFIX });
}
