import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { specDigest, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import { publishRoutingStep } from "./routingStep.ts";
import type { Saga, Step, StepRun } from "./saga.ts";
import { appliedSpecStep, deployStep, resolvedOf, resolveSpecStep, steadyStep } from "./steps.ts";

const stopped = resolveSpecStep(() => "suspended");
const asItIs = appliedSpecStep(() => "running");

/** Access alone is a matter of routing: the stack stays as it was last deployed, but for an entry of the tenant's own. */
function isAccessOnly({ target }: StepRun): boolean {
  return target.suspensionMode === "access";
}

const resolveStep: Step = {
  ...stopped,
  async run(run) {
    if (!isAccessOnly(run)) return stopped.run(run);
    const applied = resolvedOf({ resolve_spec: await asItIs.run(run) });
    if (!hasOwnEntry(applied.spec)) return applied;
    const spec = { ...applied.spec, access: "suspended" as const };
    return { ...applied, spec, digest: specDigest(spec) };
  },
};

const stopStep: Step = {
  ...deployStep,
  async run(run) {
    const isRouting = isAccessOnly(run) && !hasOwnEntry(resolvedOf(run.results).spec);
    return isRouting ? { unchanged: true } : deployStep.run(run);
  },
};

/** The plane's router, which knows who is suspended, is not on the way to such a tenant. */
function hasOwnEntry({ isolation }: TenantSpec): boolean {
  return isolation.loadBalancer === "own";
}

/**
 * Shuts the tenant's users out, and stops its workloads unless only access is to be blocked. Data, secrets and the
 * database's login stay. The tenant is suspended when its last target is.
 */
export const tenantSuspend: Saga = {
  kind: "tenant_suspend",
  steps: [publishRoutingStep, resolveStep, stopStep, steadyStep],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    await recordDeployed(change, run, "suspended");
    const { tenantId } = run.target;
    const tenant = await tenantGet(change.db, tenantId);
    const targets = await targetsOfTenant(change.db, tenantId);
    const live = targets.filter((target) => target.requestedState !== "absent");
    if (tenant.requestedStatus !== "suspended") return;
    if (live.some((target) => target.deploymentState !== "suspended")) return;
    await tenantTransitionComplete(change, tenantId, "suspend", run.operation.reason ?? undefined);
  },
};
