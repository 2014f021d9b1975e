/**
 * Who a run is about, checked against what it would touch (P5). A stack's project and name say which target it is; a
 * spec, a state and a resource's tags must all say the same, or nothing is run.
 */
import { TAG } from "../../components/tags.ts";
import { planeName, projectName, type StackIdentity, stackName } from "./names.ts";
import type { TenantSpec } from "./spec.ts";

export class IdentityMismatchError extends Error {
  constructor(what: string, expected: string, got: string) {
    super(
      `Cannot run on this stack: ${what} must be ${JSON.stringify(expected)}, got ${JSON.stringify(got)}. ` +
        "Nothing was changed. Check which tenant, plane and generation the operation names.",
    );
    this.name = "IdentityMismatchError";
  }
}

/** Throws unless the spec is of this very stack, and its plane of the spec's environment, region and account. */
export function assertSpecIdentity(spec: TenantSpec, identity: StackIdentity): void {
  const { plane, environment, provider } = spec;
  expect("the project", projectName(spec.tenant.tenantId), identity.project);
  expect("the stack", stackName(plane.name, spec.generation), identity.stack);
  const { dedicatedTo } = plane.outputs;
  expect("the plane", planeName(environment, plane.region, dedicatedTo), plane.name);
  if (dedicatedTo !== undefined) expect("the plane's own tenant", dedicatedTo, spec.tenant.tenantId);
  expect("the plane's own name", plane.name, plane.outputs.planeName);
  expect("the plane's environment", environment, plane.outputs.environment);
  expect("the plane's region", plane.region, plane.outputs.region);
  expect("the plane's account", plane.accountId, plane.outputs.accountId);
  expect("the provider's region", plane.region, provider.region);
  const allowed = provider.allowedAccountIds ?? [plane.accountId];
  if (!allowed.includes(plane.accountId))
    expect("the provider's account", plane.accountId, allowed.join(", "));
}

/** Tags that a resource of the target must have, whatever its release or plan. */
export function identityTags(spec: TenantSpec): Readonly<Record<string, string>> {
  return {
    [TAG.tenantId]: spec.tenant.tenantId,
    [TAG.environment]: spec.environment,
    [TAG.plane]: spec.plane.name,
  };
}

/** Throws when tags that are there name another target; tags that are absent say nothing. */
export function assertTagIdentity(
  resource: string,
  tags: unknown,
  expected: Readonly<Record<string, string>>,
): void {
  if (!isRecord(tags)) return;
  for (const [key, value] of Object.entries(expected)) {
    const actual = tags[key];
    if (typeof actual === "string") expect(`the tag ${key} of ${resource}`, value, actual);
  }
}

/** The part of a target that a destroy knows without a spec. */
export interface StateIdentity extends StackIdentity {
  readonly tenantId: string;
}

/**
 * Checks an exported deployment (what `pulumi stack export` gives, with or without its envelope) against whose it
 * should be: every URN's stack and project, the stack's own `tenantId` output, and every tenant tag. Throws
 * IdentityMismatchError at the first that differs. An empty state passes.
 */
export function assertStateIdentity(exportedState: unknown, identity: StateIdentity): void {
  expect("the project", projectName(identity.tenantId), identity.project);
  for (const resource of stateResources(exportedState)) {
    const { urn, type, inputs, outputs } = resource;
    if (typeof urn !== "string") throw new Error("Cannot check the state: each resource must have a urn");
    const [, stack = "", project = ""] = /^urn:pulumi:([^:]*)::([^:]*)::/.exec(urn) ?? [];
    expect(`the stack of ${urn}`, identity.stack, stack);
    expect(`the project of ${urn}`, identity.project, project);
    const tenantTag = { [TAG.tenantId]: identity.tenantId };
    for (const properties of [inputs, outputs]) {
      if (!isRecord(properties)) continue;
      assertTagIdentity(urn, properties.tags, tenantTag);
      assertTagIdentity(urn, properties.tagsAll, tenantTag);
    }
    const stackTenant = type === "pulumi:pulumi:Stack" && isRecord(outputs) ? outputs.tenantId : undefined;
    if (typeof stackTenant === "string") expect("the tenant of the state", identity.tenantId, stackTenant);
  }
}

function stateResources(exportedState: unknown): readonly Record<string, unknown>[] {
  const deployment =
    isRecord(exportedState) && "deployment" in exportedState ? exportedState.deployment : exportedState;
  if (deployment === null || deployment === undefined) return [];
  const resources = isRecord(deployment) ? (deployment.resources ?? []) : undefined;
  if (!Array.isArray(resources) || !resources.every(isRecord)) {
    throw new Error("Cannot check the state: it must be an exported deployment with a list of resources");
  }
  return resources;
}

function expect(what: string, expected: string, got: string): void {
  if (expected !== got) throw new IdentityMismatchError(what, expected, got);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
