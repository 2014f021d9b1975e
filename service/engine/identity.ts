/**
 * Whether a run may touch a stack (P5): the rules are the tenant program's own, applied here before any process is
 * started, and turned into the engine's error.
 */
import {
  assertSpecIdentity,
  assertStateIdentity,
  IdentityMismatchError,
} from "../../stacks/tenant/identity.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import { type Deployment, realResources, stackOutputs } from "./deployment.ts";
import type { StackTarget } from "./engine.ts";
import { EngineError } from "./errors.ts";

export const TENANT_TAG = "tenantry:tenant-id";

/** Throws `identity_mismatch` when the spec contradicts itself or the stack's names. */
export function checkSpecIdentity(spec: TenantSpec, target: StackTarget): void {
  translated(() => assertSpecIdentity(spec, { project: target.projectName, stack: target.stackName }));
}

/** Throws `identity_mismatch` when anything recorded in the stack is another's, or nothing in it names its tenant. */
export function checkStateIdentity(deployment: Deployment, target: StackTarget, tenantId: string): void {
  const identity = { project: target.projectName, stack: target.stackName, tenantId };
  translated(() => assertStateIdentity(deployment, identity));
  // Components exist in the state alone and carry no tags: a run that ended before its first object leaves only them.
  const resources = realResources(deployment).filter(({ custom }) => custom !== false);
  if (resources.length === 0 || stackOutputs(deployment).tenantId === tenantId) return;
  if (resources.some(({ inputs, outputs }) => names(inputs, tenantId) || names(outputs, tenantId))) return;
  throw new EngineError(
    "identity_mismatch",
    `Cannot change stack ${target.projectName}/${target.stackName}: its state must say that it is tenant ` +
      `${tenantId}'s, but nothing in it names a tenant. Nothing was changed.`,
  );
}

function names(properties: Readonly<Record<string, unknown>> | undefined, tenantId: string): boolean {
  return [properties?.tags, properties?.tagsAll].some(
    (tags) =>
      typeof tags === "object" &&
      tags !== null &&
      Object.entries(tags).some(([key, value]) => key === TENANT_TAG && value === tenantId),
  );
}

function translated(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof IdentityMismatchError) {
      throw new EngineError("identity_mismatch", error.message, { cause: error });
    }
    throw error;
  }
}
