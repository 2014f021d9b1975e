import { randomUUID } from "node:crypto";
import type { RoutingVersion } from "../../contract/routing.ts";
import { type RoutingSnapshot, routingText } from "../../contract/routingSnapshot.ts";
import { planeGet } from "../../registry/plane.ts";
import { routingLatest, routingPublish } from "../../registry/routing.ts";
import { routedPlanes, routingVersion } from "../../registry/routingHead.ts";
import { routingVersionFind } from "../../registry/routingSnapshot.ts";
import { signatureProblem } from "../../registry/signature.ts";
import { parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { controllerFor, type ReadingService, type ServiceContext } from "../app/context.ts";
import { cloudPlace } from "../operations/dataPlace.ts";
import { signerOf } from "../signing/signer.ts";
import { routingMaking } from "./making.ts";
import { bucketStore, folderStore, type SnapshotStore, snapshotFolder } from "./snapshotStore.ts";

/**
 * Brings the registry's routing to where the planes' routers read it. The registry numbers, signs and keeps the versions; a store
 * only ever holds the newest. It promises that the store ends at the newest version whoever writes in which order, and it
 * refuses nothing: a store that is away is an error of the step that publishes, which is tried again.
 */

/** Writers that overtake each other are few; more rounds than this mean that something else is wrong. */
const MAX_ROUNDS = 20;

export const ROUTING_TOPIC = "routing";

export async function publishSnapshot(
  service: ReadingService,
  snapshot: RoutingSnapshot,
): Promise<RoutingSnapshot> {
  const { planeName } = snapshot;
  // Whoever waits for a version reads the registry, not the store.
  service.nudges.nudge(ROUTING_TOPIC);
  const store = await storeOf(service, planeName);
  let newest = snapshot;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    await store.put(newest);
    storedBy(service).set(planeName, newest.signature);
    // A slower writer may have put an older version over a newer one, and whoever did so comes through here.
    const version = await service.registry.read((db) => routingVersion(db, planeName));
    if (version <= newest.version) return newest;
    newest = (await service.registry.read((db) => routingLatest(db, planeName))) ?? newest;
  }
  return newest;
}

/** What this process has last put for each plane: a deployment that changes no route need not put the whole plane again. */
const storedOf = new WeakMap<ReadingService["registry"], Map<string, string>>();

function storedBy({ registry }: ReadingService): Map<string, string> {
  const known = storedOf.get(registry) ?? new Map<string, string>();
  storedOf.set(registry, known);
  return known;
}

/** Puts the version, or a newer one, unless this process has put it. */
export async function publishNewest(service: ReadingService, newest: RoutingVersion): Promise<void> {
  const { planeName, signature } = newest;
  if (storedBy(service).get(planeName) === signature) return;
  const snapshot = await service.registry.read((db) => routingLatest(db, planeName));
  if (snapshot !== undefined) await publishSnapshot(service, snapshot);
}

/**
 * At start: what other settings, another signing key, or a registry of before there were versions say differently now. Then the
 * store gets what a crash between the registry and the store has left out.
 */
export async function republishAll(service: ServiceContext): Promise<void> {
  await eachPlane(service, async (planeName, version) => {
    const newest = await service.registry.read((db) => routingVersionFind(db, planeName, version));
    const { keyId } = signerOf(service.settings);
    await publishAnew(service, planeName, {
      reason: "the service has started",
      // Whoever stops trusting a key must not have to wait for the next change.
      always: newest !== undefined && newest.keyId !== keyId,
    });
  });
  await publishBehind(service);
}

/**
 * Puts the newest version wherever a store has another one, or none that can be read. A store that is ahead tells that the registry was
 * set back, as by a restored backup: then the plane gets a version past the store's, as routers take nothing older.
 */
export async function publishBehind(service: ServiceContext): Promise<void> {
  await eachPlane(service, async (planeName, version) => {
    const stored = await (await storeOf(service, planeName)).latest();
    const newest = await service.registry.read((db) => routingVersionFind(db, planeName, version));
    if (newest === undefined || stored?.signature === newest.signature) return;
    // Another process may have published since the version was read: only what is still ahead then is ahead.
    const known = await service.registry.read((db) => routingVersion(db, planeName));
    if (stored !== undefined && stored.version > known && isOurs(service, stored)) {
      const { version: past } = stored;
      const reason = `the store has version ${past}, which this registry does not know`;
      service.log.warn({ planeName, version: known, stored: past }, "the registry's routing was set back");
      await publishAnew(service, planeName, { reason, always: true, past });
    }
    const snapshot = await service.registry.read((db) => routingLatest(db, planeName));
    if (snapshot !== undefined) await publishSnapshot(service, snapshot);
  });
}

async function publishAnew(
  service: ServiceContext,
  planeName: string,
  how: Parameters<typeof routingPublish>[3],
): Promise<void> {
  const making = await routingMaking(service, planeName);
  const requestId = randomUUID();
  await service.registry.change(controllerFor({ requestId, correlationId: requestId }), (change) =>
    routingPublish(change, planeName, making, how),
  );
}

/** Whoever can write to a store could otherwise send the version anywhere. */
function isOurs({ settings }: ServiceContext, snapshot: RoutingSnapshot): boolean {
  const { checksum: _checksum, keyId, signature, ...body } = snapshot;
  return signatureProblem(routingText(body), { keyId, signature }, [signerOf(settings)]) === undefined;
}

async function eachPlane(
  service: ServiceContext,
  work: (planeName: string, version: number) => Promise<void>,
): Promise<void> {
  const planes = await service.registry.read(routedPlanes);
  for (const { planeName, version } of planes) {
    try {
      await work(planeName, version);
    } catch (thrown) {
      service.metrics.routingStoreFailures.inc({ plane: planeName });
      service.log.error({ err: thrown, planeName }, "cannot publish the plane's routing again");
    }
  }
}

/** As the planes' programs tell their routers. */
const ROUTING_PREFIX = "routing/";

export async function storeOf(
  { settings, registry, cloud }: ReadingService,
  planeName: string,
): Promise<SnapshotStore> {
  if (settings.cloud === "local") return folderStore(snapshotFolder(settings.dataDir, planeName));
  const plane = await registry.read((db) => planeGet(db, planeName));
  const { snapshotBucketName: bucket } = parsePlaneOutputs(plane.outputs);
  return bucketStore(cloud, { place: cloudPlace(plane, settings), bucket, prefix: ROUTING_PREFIX });
}
