/** Whether a state belongs to the tenant it is about to be changed for (P5). Pure. */
import { type Deployment, realResources, stackOutputs } from "./deployment.ts";
import type { StackTarget } from "./engine.ts";
import { EngineError } from "./errors.ts";

const TENANT_TAG = "tenantry:tenant-id";

/** Throws `identity_mismatch` when anything recorded in the stack names another tenant, or nothing names any. */
export function assertIdentity(deployment: Deployment, target: StackTarget, tenantId: string): void {
  const refuse = (found: string) => {
    throw new EngineError(
      "identity_mismatch",
      `Cannot change stack ${target.projectName}/${target.stackName}: its state must belong to tenant ${tenantId}, ` +
        `but ${found}. Nothing was changed.`,
    );
  };
  const resources = realResources(deployment);
  if (resources.length === 0) return;
  const named = stackOutputs(deployment).tenantId;
  if (named !== undefined && named !== tenantId) refuse(`its outputs name tenant ${String(named)}`);
  let evidence = named !== undefined;
  for (const resource of resources) {
    const tag = tenantTag(resource.outputs) ?? tenantTag(resource.inputs);
    if (tag === undefined) continue;
    if (tag !== tenantId) refuse(`${resource.urn} is tagged with tenant ${tag}`);
    evidence = true;
  }
  if (!evidence) refuse("nothing in it is tagged with any tenant");
}

function tenantTag(properties: Readonly<Record<string, unknown>> | undefined): string | undefined {
  for (const key of ["tagsAll", "tags"]) {
    const tags = properties?.[key];
    const value =
      typeof tags === "object" && tags !== null ? (tags as Record<string, unknown>)[TENANT_TAG] : undefined;
    if (typeof value === "string") return value;
  }
  return undefined;
}
