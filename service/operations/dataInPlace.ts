import { targetAppliedSpec } from "../../registry/target.ts";
import { canonicalJson } from "../../stacks/tenant/canonicalJson.ts";
import { TenantSpec } from "../../stacks/tenant/spec.ts";
import type { StepRun } from "./saga.ts";
import { resolvedOf } from "./steps.ts";

/**
 * Whether the tenant's database and credentials are where this deployment needs them, because the last one that succeeded left
 * them there and nothing that they depend on is different: then a plain change of release need not log in to look. Whoever
 * wants it looked at all the same forces the deployment; where something was found drifted, was interrupted or has failed,
 * it is looked at anyway.
 */
export async function isDataInPlace(run: StepRun): Promise<boolean> {
  const { input, operation, results, service, target } = run;
  if (input.force === true || run.begunBefore || operation.startedAt !== null) return false;
  if (results.deploy?.refreshed === true || input.before?.drift === "drifted") return false;
  if (input.before?.lastOperationStatus !== "succeeded") return false;
  const applied = TenantSpec.safeParse(
    await service.registry.read((db) => targetAppliedSpec(db, target.targetId)),
  );
  return applied.success && placeOf(applied.data) === placeOf(resolvedOf(results).spec);
}

/** All of a spec but what only the services' tasks are made from; what a later version adds counts as well. */
function placeOf({ release, plan, workload, access, config, tenant, ...place }: TenantSpec): string {
  return canonicalJson({ ...place, tenantId: tenant.tenantId, secretRefs: config.secretRefs });
}
