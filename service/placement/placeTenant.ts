import { ProblemError } from "../../contract/errors.ts";
import type { Plane } from "../../contract/plane.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { type PlaneUse, placementRecord, planeUses } from "../../registry/placement.ts";
import { requireIsolationInPlan } from "../../registry/planBinding.ts";
import { planeAll } from "../../registry/plane.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { PlaneOutputs } from "../../stacks/plane/outputs.ts";
import { type Decision, decide, type PlacedTenant, type PlaneFacts } from "./decide.ts";

/**
 * Gathers what a placement is decided from, and writes the decision down. Called twice for an activation: before the
 * change, to know which planes' state must be read, and inside it, where two tenants cannot get the same addresses.
 */

/** The planes a request is about: those it names, or the one that the tenant's regions choose. Throws a refusal. */
export async function planesToUse(
  db: Reader,
  tenant: Tenant,
  named: readonly string[],
): Promise<readonly string[]> {
  await requireIsolationInPlan(db, tenant, tenant.isolation);
  if (named.length > 0) return named;
  const decision = await decided(db, tenant, []);
  return placesOf(decision).map(({ planeName }) => planeName);
}

/** Throws what placing the tenant there would be refused with. */
export async function refuseUnplaceable(
  db: Reader,
  tenant: Tenant,
  planeNames: readonly string[],
): Promise<void> {
  await requireIsolationInPlan(db, tenant, tenant.isolation);
  placesOf(await decided(db, tenant, planeNames));
}

/** Decides how a new target is placed on its plane and records it with the reasons. Throws a refusal. */
export async function placeTenant(
  change: Change,
  tenant: Tenant,
  target: Target,
  plane: Plane,
  chosen: boolean,
): Promise<void> {
  await requireIsolationInPlan(change.db, tenant, tenant.isolation);
  // Asked again without a name, the answer brings the reasons of the choice, unless planes have come meanwhile.
  const free = chosen ? await decided(change.db, tenant, []) : undefined;
  const again = free?.kind === "placed" && free.places[0]?.planeName === plane.name ? free : undefined;
  const [place] = placesOf(again ?? (await decided(change.db, tenant, [plane.name])));
  if (place === undefined) throw new Error(`Cannot place the tenant: ${plane.name} must give one place`);
  await placementRecord(change, { target, plane, isolation: place.isolation, reasons: place.reasons });
}

/** The planes that would be chosen now for a tenant that names none; none where that would be refused. */
export async function planesChosen(db: Reader, tenant: PlacedTenant): Promise<readonly string[]> {
  const decision = await decided(db, tenant, []);
  return decision.kind === "placed" ? decision.places.map(({ planeName }) => planeName) : [];
}

async function decided(db: Reader, tenant: PlacedTenant, named: readonly string[]): Promise<Decision> {
  const [planes, uses] = await Promise.all([planeAll(db), planeUses(db)]);
  return decide({ tenant, named, planes: planes.map((plane) => factsOf(plane, uses.get(plane.name))) });
}

function placesOf(decision: Decision) {
  if (decision.kind === "placed") return decision.places;
  const { code, ...words } = decision.refusal;
  throw new ProblemError(code, words);
}

/** The rest of the outputs does not matter here, and one plane that lacks some keeps nobody off the others. */
const NetworkOutputs = PlaneOutputs.pick({
  dedicatedNetwork: true,
  vpcCidrBlock: true,
  privateRouteTableIds: true,
});

function factsOf(plane: Plane, use: PlaneUse | undefined): PlaneFacts {
  const { name, environment, region, dedicatedTo } = plane;
  const {
    dedicatedNetwork = "subnets",
    vpcCidrBlock,
    privateRouteTableIds,
  } = NetworkOutputs.safeParse(plane.outputs).data ?? {};
  return {
    name,
    environment,
    region,
    dedicatedTo,
    dedicatedNetwork,
    vpcCidrBlock: privateRouteTableIds === undefined ? undefined : vpcCidrBlock,
    targets: use?.targets ?? 0,
    takenBlocks: use?.cidrBlocks ?? [],
  };
}
