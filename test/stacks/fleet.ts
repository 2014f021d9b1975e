import { expect } from "vitest";
import type { TenantLayout } from "../../components/tenantServiceSet/layout.ts";
import { ofType, type RecordedResource, resolved, runMocked } from "../../components/testing/pulumiMocks.ts";
import { parsePlaneConfig } from "../../stacks/plane/config.ts";
import { type PlaneOutputs, parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { planeProgram } from "../../stacks/plane/program.ts";
import { layoutOf } from "../../stacks/tenant/layoutOf.ts";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import { tenantProgram } from "../../stacks/tenant/program.ts";
import { type Isolation, isolationOf, SERVICE_NAMES, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { ACCOUNT, type Role } from "./evaluator.ts";

/** A tenant on a plane, with the roles its program registers. */
export interface Member {
  readonly label: string;
  readonly spec: TenantSpec;
  readonly layout: TenantLayout;
  readonly roles: readonly Role[];
  /** Effective: the plane's or the tenant's own. */
  readonly dataBucketArn: string;
  readonly kmsKeyArn: string;
}

export interface Plane {
  readonly outputs: PlaneOutputs;
  readonly boundary: unknown;
  readonly controller: Role;
  readonly router: Role;
  readonly automation: Role;
}

/** Ten programs run one after the other; a second each on a busy machine. */
export const SETUP_TIMEOUT_MS = 120_000;
const BOUNDARY_TYPE = "aws:iam/policy:Policy";

export function boundaryOf(planes: ReadonlyMap<string, Plane>, { spec }: Member): unknown {
  return planes.get(spec.environment)?.boundary;
}

export function planeConfig(environment: "dev" | "prod") {
  return parsePlaneConfig(environment, {
    environment,
    domain: `${environment}.tenants.example`,
    aws: { region: "eu-west-1" },
    router: { image: "router:1" },
  });
}

export async function planeFacts(environment: "dev" | "prod"): Promise<Plane> {
  const run = await runMocked(() => planeProgram(planeConfig(environment)));
  const entries = Object.entries(run.outputs).map(async ([key, value]) => [
    key,
    await resolved<unknown>(value),
  ]);
  const outputs: Record<string, unknown> = Object.fromEntries(await Promise.all(entries));
  const boundary = ofType(run, BOUNDARY_TYPE).find(({ name }) => name === "tenant-boundary");
  const roles = rolesOf(run.resources);
  const controller = roles.find(({ name }) => name === "controller");
  const router = roles.find(({ name }) => name === "router");
  const automation = roles.find(({ name }) => name === "automation");
  if (boundary === undefined || controller === undefined || router === undefined || automation === undefined)
    throw new Error("the plane must have a boundary, a controller, an automation and a router");
  return {
    outputs: parsePlaneOutputs(outputs),
    boundary: JSON.parse(boundary.inputs.policy),
    controller,
    router,
    automation,
  };
}

export async function fleetMember(
  planes: ReadonlyMap<string, Plane>,
  environment: "dev" | "prod",
  tenantId: string,
  slug: string,
  isolation: Isolation = isolationOf("pooled"),
): Promise<Member> {
  const outputs = planes.get(environment)?.outputs;
  if (outputs === undefined) throw new Error(`no plane ${environment}`);
  const spec = tenantSpec({ tenantId, slug, plane: outputs, isolation });
  const run = await runMocked(tenantProgram(spec, identityOf(spec)));
  const roles = rolesOf(run.resources);
  expect(roles.map(({ name }) => name).sort()).toEqual([...SERVICE_NAMES, "execution"].sort());
  return {
    label: `${environment}/${slug}/${isolation.level}`,
    ...{ spec, layout: layoutOf(spec), roles },
    dataBucketArn: `arn:aws:s3:::${await resolved<string>(run.outputs.bucketName)}`,
    kmsKeyArn: await resolved<string>(run.outputs.kmsKeyArn),
  };
}

/** Roles with the policies registered for them, inline and attached, which is all the policies they have. */
export function rolesOf(resources: readonly RecordedResource[]): readonly Role[] {
  return resources
    .filter(({ type }) => type === "aws:iam/role:Role")
    .map(({ name, inputs }) => ({
      name,
      arn: `arn:aws:iam::${ACCOUNT}:role${inputs.path}${inputs.name}`,
      tags: inputs.tags ?? {},
      policies: resources
        .filter(
          ({ type, inputs: policy }) =>
            type === "aws:iam/rolePolicy:RolePolicy" && policy.role === inputs.name,
        )
        .map(({ inputs: policy }) => ({ name: policy.name, policy: JSON.parse(policy.policy) })),
      attached: attachedTo(inputs.name, resources),
    }));
}

function attachedTo(role: string, resources: readonly RecordedResource[]): Role["policies"] {
  return resources
    .filter(
      ({ type, inputs }) =>
        type === "aws:iam/rolePolicyAttachment:RolePolicyAttachment" && inputs.role === role,
    )
    .map(({ inputs }) => {
      const policy = resources.find(
        ({ type, inputs: policyInputs }) =>
          type === BOUNDARY_TYPE && inputs.policyArn.endsWith(`${policyInputs.path}${policyInputs.name}`),
      );
      // A policy of AWS's own is not registered, and none of ours may have one.
      if (policy === undefined) throw new Error(`${role} has a policy that is not ours: ${inputs.policyArn}`);
      return { name: policy.inputs.name, policy: JSON.parse(policy.inputs.policy) };
    });
}

export function identityOf(spec: TenantSpec) {
  return { project: projectName(spec.tenant.tenantId), stack: stackName(spec.plane.name, spec.generation) };
}

export function policyLength(policy: unknown): number {
  return JSON.stringify(policy).length;
}
