import type { Target } from "../../contract/target.ts";
import type { SeenDrift } from "../../registry/driftFinding.ts";
import { planeGet } from "../../registry/plane.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import type { ReadingService } from "../app/context.ts";
import type { DriftFinding, RunHooks } from "../engine/engine.ts";
import { cloudPlace } from "../operations/dataPlace.ts";
import { hasCode } from "../operations/failure.ts";
import { registryDifferences } from "./registryDifferences.ts";
import { unmanagedObjects } from "./unmanaged.ts";

/**
 * Everything about a target that is not as recorded: state against cloud (by the engine), state against cloud the other way round
 * (objects with the tenant's tag that no state has), and registry against state. It changes nothing and takes no lock;
 * the caller sees to it that nobody changes the stack meanwhile.
 */
export async function lookAtTarget(
  service: Pick<ReadingService, "engine" | "cloud" | "registry" | "settings">,
  target: Target,
  hooks: RunHooks,
): Promise<SeenDrift[]> {
  const look = await service.engine.drift(target, hooks).catch((thrown: unknown) => {
    if (hasCode(thrown, "stack_not_found")) return undefined;
    throw thrown;
  });
  if (look === undefined) return registryDifferences(target, undefined);
  return [
    ...look.findings.map(asSeen),
    ...look.hidden.map((finding) => ({ ...asSeen(finding), kind: "hidden" as const })),
    ...registryDifferences(target, look.outputs),
    ...(await unmanagedOf(service, target, look.recordedIds)),
  ];
}

/** Differences as they are kept: what is absent on a side is null there. */
export function asSeen({
  urn,
  resourceType,
  logicalName,
  physicalId,
  kind,
  properties,
}: DriftFinding): SeenDrift {
  const kept = properties.map(({ path, recorded, actual }) => ({
    ...{ path, recorded: recorded ?? null, actual: actual ?? null },
  }));
  return { urn, resourceType, logicalName, physicalId, kind, properties: kept };
}

async function unmanagedOf(
  { engine, cloud, registry, settings }: Pick<ReadingService, "engine" | "cloud" | "registry" | "settings">,
  { targetId, tenantId, planeName }: Target,
  own: ReadonlySet<string>,
): Promise<SeenDrift[]> {
  const plane = await registry.read((db) => planeGet(db, planeName));
  const tags = { "tenantry:tenant-id": tenantId, "tenantry:plane": planeName };
  const held = await cloud.listByTag({ ...cloudPlace(plane, settings), tags });
  // Generations of a tenant on one plane carry the same tags: what any of them records is managed.
  const others = (await registry.read((db) => targetsOfTenant(db, tenantId))).filter(
    (target) => target.planeName === planeName && target.targetId !== targetId,
  );
  const theirs = await Promise.all(others.map((target) => engine.recordedIds(target)));
  return unmanagedObjects(held, new Set([...own, ...theirs.flatMap((ids) => [...ids])]));
}
