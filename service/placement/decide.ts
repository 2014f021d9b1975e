import type { FieldError } from "../../contract/errors.ts";
import type { IsolationParts } from "../../contract/placement.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { EnvironmentName } from "../../contract/vocabulary.ts";
import {
  type DedicatedNetwork,
  isolationOf,
  TENANT_SUBNET_BLOCKS,
  tenantSubnetBlock,
} from "../../stacks/tenant/spec.ts";

/**
 * Where a tenant goes, as a value: pure, so that the same facts always give the same places and reasons.
 *
 * Planes that are named are taken or refused; without a name the tenant's regions choose: its preferred ones in their
 * order, then any that is allowed, then the emptier plane. Refused is what would break a promise (a region that is not
 * allowed, another tenant's plane), never what is merely full: there is advice for that.
 */
export interface PlaneFacts {
  readonly name: string;
  readonly environment: EnvironmentName;
  readonly region: string;
  readonly dedicatedTo: string | null;
  readonly dedicatedNetwork: "vpc" | "subnets";
  /** Of the plane's network; undefined where it does not tell, and has no room for tenants' subnets. */
  readonly vpcCidrBlock: string | undefined;
  readonly targets: number;
  /** Blocks that other targets have as subnets of their own. */
  readonly takenBlocks: readonly string[];
}

export type PlacedTenant = Pick<Tenant, "tenantId" | "plan" | "isolation" | "regions">;

export interface PlacementQuestion {
  readonly tenant: PlacedTenant;
  /** Empty when the tenant's regions are to choose. */
  readonly named: readonly string[];
  readonly planes: readonly PlaneFacts[];
}

export interface Place {
  readonly planeName: string;
  readonly isolation: IsolationParts;
  readonly reasons: readonly string[];
}

export type Refusal = {
  readonly code: "no_plane_in_region" | "region_not_allowed" | "plane_not_dedicated" | "plane_missing";
  readonly detail: string;
  readonly hint: string;
  readonly errors: readonly FieldError[];
};

export type Decision =
  | { readonly kind: "placed"; readonly places: readonly Place[] }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export function decide(question: PlacementQuestion): Decision {
  const { named } = question;
  if (named.length === 0) return chosenByRegion(question);
  const places: Place[] = [];
  for (const name of named) {
    const plane = question.planes.find((candidate) => candidate.name === name);
    if (plane === undefined) return refused(unknownPlane(name, question.planes));
    const refusal = refusalOf(question, plane);
    if (refusal !== undefined) return refused(refusal);
    places.push(placeOn(question.tenant, plane, [`Plane ${name}: named`, regionReason(question, plane)]));
  }
  return { kind: "placed", places };
}

function chosenByRegion(question: PlacementQuestion): Decision {
  const { tenant, planes } = question;
  const legal = planes.filter((plane) => refusalOf(question, plane) === undefined);
  const environments = [...new Set(legal.map(({ environment }) => environment))];
  if (environments.length > 1) return refused(ambiguous(environments));
  const { preferred } = tenant.regions;
  const rank = ({ region }: PlaneFacts) =>
    preferred.includes(region) ? preferred.indexOf(region) : preferred.length;
  const [best] = legal.toSorted(
    (left, right) =>
      rank(left) - rank(right) || left.targets - right.targets || (left.name < right.name ? -1 : 1),
  );
  if (best === undefined) return refused(nowhere(question));
  const reasons = [
    rank(best) < preferred.length
      ? `Region ${best.region}: number ${rank(best) + 1} of the preferred ${listed(preferred)}`
      : preferenceReason(question),
    regionReason(question, best),
    `Plane ${best.name}: the emptiest there, with ${best.targets} targets`,
  ];
  return { kind: "placed", places: [placeOn(tenant, best, reasons)] };
}

/** Why the tenant may not be on a plane; undefined when it may. */
function refusalOf({ tenant, planes }: PlacementQuestion, plane: PlaneFacts): Refusal | undefined {
  const { allowed } = tenant.regions;
  if (allowed.length > 0 && !allowed.includes(plane.region)) {
    const there = namesIn(planes, allowed);
    return {
      code: "region_not_allowed",
      detail: `Cannot place the tenant on ${plane.name}: its region must be one of ${listed(allowed)}, got ${plane.region}.`,
      hint:
        there.length > 0
          ? `Name a plane in an allowed region: ${listed(there)}.`
          : `There is no plane in an allowed region: bring one up and record it, or allow ${plane.region}.`,
      errors: [{ path: "body.planes", message: `is in ${plane.region}`, value: plane.name }],
    };
  }
  const own = plane.dedicatedTo === tenant.tenantId;
  if (plane.dedicatedTo !== null && !own) {
    return {
      code: "plane_not_dedicated",
      detail: `Cannot place the tenant on ${plane.name}: the plane is another tenant's own.`,
      hint: "Name a plane that is for all tenants.",
      errors: [{ path: "body.planes", message: "is another tenant's plane", value: plane.name }],
    };
  }
  if (tenant.isolation === "account" && !own) {
    return {
      code: "plane_not_dedicated",
      detail: `Cannot place the tenant on ${plane.name}: with the isolation account it must have a plane of its own, and this one is for all.`,
      hint: "Bring up a plane with tenantry:dedicatedTo in the tenant's account: see docs/isolation.md.",
      errors: [{ path: "body.planes", message: "is not the tenant's own plane", value: plane.name }],
    };
  }
  return undefined;
}

function placeOn(tenant: PlacedTenant, plane: PlaneFacts, reasons: readonly string[]): Place {
  const { network, reason } = dedicatedNetwork(tenant, plane);
  return {
    planeName: plane.name,
    isolation: isolationOf(tenant.isolation, network),
    reasons: [
      ...reasons,
      `Isolation ${tenant.isolation}: the tenant's record, offered by the plan ${tenant.plan}`,
      ...(reason === undefined ? [] : [reason]),
    ],
  };
}

interface NetworkChoice {
  readonly network: DedicatedNetwork;
  readonly reason?: string;
}

function dedicatedNetwork(tenant: PlacedTenant, plane: PlaneFacts): NetworkChoice {
  const vpc = { network: "vpc" } as const;
  if (tenant.isolation !== "dedicated") return { network: vpc };
  const { vpcCidrBlock, takenBlocks, name } = plane;
  if (plane.dedicatedNetwork === "vpc")
    return { network: vpc, reason: `Network: a VPC, as ${name} gives them` };
  if (vpcCidrBlock === undefined)
    return { network: vpc, reason: `Network: a VPC, as ${name} does not tell its addresses` };
  const blocks = Array.from({ length: TENANT_SUBNET_BLOCKS }, (_, index) =>
    tenantSubnetBlock(vpcCidrBlock, index),
  );
  const cidrBlock = blocks.find((block) => !takenBlocks.includes(block));
  if (cidrBlock === undefined)
    return {
      network: vpc,
      reason: `Network: a VPC, as all ${blocks.length} blocks for subnets on ${name} are taken`,
    };
  return {
    network: { network: "subnets", cidrBlock },
    reason: `Network: subnets in the plane's VPC, the first free block ${cidrBlock}`,
  };
}

function regionReason({ tenant }: PlacementQuestion, { region }: PlaneFacts): string {
  const { allowed } = tenant.regions;
  return allowed.length === 0
    ? `Region ${region}: the tenant allows any`
    : `Region ${region}: among the allowed ${listed(allowed)}`;
}

function preferenceReason({ tenant }: PlacementQuestion): string {
  const { preferred } = tenant.regions;
  return preferred.length === 0
    ? "Preference: the tenant names none"
    : `Preference: no plane the tenant may be on is in ${listed(preferred)}`;
}

function nowhere({ tenant, planes }: PlacementQuestion): Refusal {
  const { allowed } = tenant.regions;
  const open = planes.filter(({ dedicatedTo }) =>
    tenant.isolation === "account"
      ? dedicatedTo === tenant.tenantId
      : dedicatedTo === null || dedicatedTo === tenant.tenantId,
  );
  const where = open.map(({ name, region }) => `${name} (${region})`);
  const wanted = allowed.length === 0 ? "any region" : listed(allowed);
  return {
    code: "no_plane_in_region",
    detail: `Cannot place the tenant: there must be a plane in ${wanted} that it may be on; there is ${where.join(", ") || "none at all"}.`,
    hint:
      tenant.isolation === "account"
        ? "Bring up a plane with tenantry:dedicatedTo in the tenant's account, then record it: see docs/isolation.md."
        : "Bring up a plane in one of those regions and record it, or allow a region where there is one.",
    errors: [{ path: "body.regions.allowed", message: "holds no region with a plane", value: allowed }],
  };
}

function ambiguous(environments: readonly string[]): Refusal {
  return {
    code: "plane_missing",
    detail: `Cannot choose a plane: one must be named, as there are planes of several environments: ${listed(environments)}.`,
    hint: 'Send {"planes": ["dev-eu-west-1"]}, or set planes on the tenant.',
    errors: [{ path: "body.planes", message: "is missing, and the environment is not clear without it" }],
  };
}

function unknownPlane(name: string, planes: readonly PlaneFacts[]): Refusal {
  return {
    code: "plane_missing",
    detail: `Cannot place the tenant: ${name} must be a recorded plane; there are ${listed(planes.map((plane) => plane.name))}.`,
    hint: "Bring it up and record it with POST /v1/control-plane/planes.",
    errors: [{ path: "body.planes", message: "names a plane that is not there", value: name }],
  };
}

function namesIn(planes: readonly PlaneFacts[], regions: readonly string[]): readonly string[] {
  return planes.filter(({ region }) => regions.includes(region)).map(({ name }) => name);
}

function listed(words: readonly string[]): string {
  return words.join(", ") || "none";
}

function refused(refusal: Refusal): Decision {
  return { kind: "refused", refusal };
}
