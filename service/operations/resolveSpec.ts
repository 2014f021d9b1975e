import type { Placement } from "../../contract/placement.ts";
import type { PlanVersion } from "../../contract/plan.ts";
import type { Plane } from "../../contract/plane.ts";
import type { Release } from "../../contract/release.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { type PlaneOutputs, parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import type { ProviderSettings } from "../../stacks/provider.ts";
import { isolationOf, specDigest, TenantSpec } from "../../stacks/tenant/spec.ts";
import { programVersion } from "../../stacks/tenant/version.ts";
import type { CloudPlace } from "../cloud/cloudRuntime.ts";
import type { Settings } from "../config.ts";

export type Workload = TenantSpec["workload"];

export interface SpecParts {
  readonly tenant: Tenant;
  readonly target: Target;
  readonly plane: Plane;
  /** The version the tenant is bound to; of it only what sizes the stack is part of the spec. */
  readonly plan: Pick<PlanVersion, "plan" | "services">;
  readonly release: Release;
  readonly workload: Workload;
  /** None for targets of before there were placements: they are pooled. */
  readonly placement: Placement | undefined;
}

export interface ResolvedSpec {
  readonly spec: TenantSpec;
  readonly digest: string;
}

/** Everything the stack depends on, as one value. Pure but for the program's version, which a process has one of. */
export function resolveSpec(parts: SpecParts, settings: Settings): ResolvedSpec {
  const { tenant, target, plane, plan, release, workload, placement } = parts;
  const isolation = placement?.isolation ?? isolationOf("pooled");
  const spec = TenantSpec.parse({
    formatVersion: 1,
    tenant: {
      tenantId: tenant.tenantId,
      slug: tenant.slug,
      displayName: tenant.displayName,
      dataClassification: tenant.dataClassification,
    },
    environment: target.environment,
    generation: target.generation,
    isolation,
    plane: {
      name: plane.name,
      region: plane.region,
      accountId: plane.accountId,
      outputs: parsePlaneOutputs(plane.outputs),
    },
    plan: { key: plan.plan, services: plan.services },
    release: { releaseId: release.releaseId, number: release.number, services: release.services },
    config: tenant.config,
    workload,
    access: target.requestedState === "suspended" && isolation.loadBalancer === "own" ? "suspended" : "open",
    programVersion: programVersion(),
    provider: providerSettings(plane, settings),
  });
  return { spec, digest: specDigest(spec) };
}

export function providerSettings(plane: Plane, settings: Settings): ProviderSettings {
  const { awsEndpoints } = settings;
  const role = assumedRole(plane, settings);
  return {
    region: plane.region,
    allowedAccountIds: [plane.accountId],
    ...(awsEndpoints === undefined ? {} : { endpoints: parseEndpoints(awsEndpoints) }),
    ...(role === undefined ? {} : { assumeRole: { ...role, sessionName: "tenantry" } }),
  };
}

export type AssumedRole = Required<Pick<CloudPlace, "roleArn">> & Pick<CloudPlace, "externalId">;

/** As whom stacks run on a plane; undefined means with the service's own credentials. */
export function assumedRole(plane: Plane, settings: Settings): AssumedRole | undefined {
  return roleOf(plane, settings, ({ controllerRoleArn }) => controllerRoleArn);
}

/** As whom everything else is done there. */
export function automationRole(plane: Plane, settings: Settings): AssumedRole | undefined {
  return roleOf(
    plane,
    settings,
    ({ automationRoleArn, controllerRoleArn }) => automationRoleArn ?? controllerRoleArn,
  );
}

function roleOf(
  plane: Plane,
  { cloud, awsAssumeRole }: Settings,
  choose: (outputs: PlaneOutputs) => string,
): AssumedRole | undefined {
  const ofPlane = () => {
    const outputs = parsePlaneOutputs(plane.outputs);
    const { controllerExternalId: externalId } = outputs;
    return { roleArn: choose(outputs), ...(externalId === undefined ? {} : { externalId }) };
  };
  // A tenant's own plane is in its own account, where nothing but a role of that account reaches.
  if (plane.dedicatedTo !== null && plane.dedicatedTo !== undefined) return ofPlane();
  if (cloud === "local" || awsAssumeRole === "none") return undefined;
  return awsAssumeRole === "plane" ? ofPlane() : { roleArn: awsAssumeRole };
}

/** `https://one.example` for all services, or `s3=https://…,ecs=https://…`. */
export function parseEndpoints(text: string): string | Record<string, string> {
  if (/^https?:\/\//.test(text)) return text;
  const pairs = text.split(",").map((pair) => pair.trim().split("=", 2));
  return Object.fromEntries(pairs.map(([service = "", url = ""]) => [service, url]));
}
