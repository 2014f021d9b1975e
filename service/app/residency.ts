import type { Page, PageRequest } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type {
  DeclaredEndpoint,
  EndpointKind,
  EndpointSet,
  ResidencyRegion,
  TenantResidency,
} from "../../contract/residency.ts";
import type { Reader } from "../../registry/registry.ts";
import * as registry from "../../registry/residency.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { regionMap } from "../residency/endpoints.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { isToStay } from "./lifecycleTargets.ts";

export async function residencyRegionList(
  context: RequestContext,
  page: PageRequest,
): Promise<Page<ResidencyRegion>> {
  await authorize(context, "residencyRegionList");
  return context.registry.read(async (db) => {
    const { items, nextCursor } = await registry.regionNames(db, page);
    return { items: await mapsOf(db, items), nextCursor };
  });
}

export async function residencyRegionGet(context: RequestContext, region: string): Promise<ResidencyRegion> {
  await authorize(context, "residencyRegionGet");
  const [map] = await context.registry.read((db) => mapsOf(db, [region]));
  if (map !== undefined && (map.planes.length > 0 || map.endpoints.length > 0)) return map;
  throw new ProblemError("region_not_found", {
    detail: `Cannot find the region ${region}: there must be a plane there, or an address that was set by hand.`,
    hint: "List regions with GET /v1/control-plane/residency/regions.",
    errors: [{ path: "path.region", message: "is not known", value: region }],
  });
}

export async function residencyEndpointSet(
  context: RequestContext,
  { region, kind }: { readonly region: string; readonly kind: EndpointKind },
  input: EndpointSet,
  expectedVersion: number | undefined,
): Promise<DeclaredEndpoint> {
  await authorize(context, "residencyEndpointSet");
  const setting = registry.residencyEndpointSet;
  return changeAs(context, (change) => setting(change, region, kind, input, expectedVersion));
}

export async function residencyEndpointRemove(
  context: RequestContext,
  { region, kind }: { readonly region: string; readonly kind: EndpointKind },
  reason: string,
  expectedVersion: number | undefined,
): Promise<DeclaredEndpoint> {
  await authorize(context, "residencyEndpointRemove");
  const removing = registry.residencyEndpointRemove;
  return changeAs(context, (change) => removing(change, region, kind, reason, expectedVersion));
}

/** A region where the tenant neither is nor may be is refused, and told as a security event by whoever takes the refusal. */
export async function tenantResidency(
  context: RequestContext,
  tenantId: string,
  region: string | undefined,
): Promise<TenantResidency> {
  await authorize(context, "tenantResidency", tenantId);
  return context.registry.read(async (db) => {
    const { regions } = await tenantGet(db, tenantId);
    const live = (await targetsOfTenant(db, tenantId)).filter(isToStay);
    const placedIn = [...new Set(live.map((target) => target.region))];
    if (region !== undefined && ![...regions.allowed, ...placedIn].includes(region))
      throw crossRegion(region, [...regions.allowed, ...placedIn]);
    const own = live.map(({ planeName }) => planeName);
    const asked = region === undefined ? placedIn : [region];
    const toBe = asked.filter((name) => !placedIn.includes(name));
    return {
      tenantId,
      ...regions,
      placed: live.map((target) => ({
        region: target.region,
        planeName: target.planeName,
        environment: target.environment,
        targetId: target.targetId,
      })),
      regions: [
        ...(await mapsOf(
          db,
          asked.filter((name) => placedIn.includes(name)),
          own,
        )),
        ...(await mapsOf(db, toBe)),
      ],
    };
  });
}

async function mapsOf(
  db: Reader,
  regions: readonly string[],
  planes?: readonly string[],
): Promise<ResidencyRegion[]> {
  const [there, declared] = await Promise.all([
    registry.planesInRegions(db, regions, planes),
    registry.endpointsDeclared(db, regions),
  ]);
  return regions.map((region) => regionMap(region, there, declared));
}

function crossRegion(region: string, legal: readonly string[]): ProblemError {
  const where = [...new Set(legal)].join(", ") || "none, as it has not been placed yet";
  return new ProblemError("residency_violation", {
    detail: `Cannot tell the tenant's addresses in ${region}: its regions are ${where}.`,
    hint: "Ask for one of its regions. This attempt has been recorded as a security event.",
    errors: [{ path: "query.region", message: "is no region of the tenant", value: region }],
  });
}
