import type { FlagOverride } from "../../../contract/flag.ts";
import type { RolloutBefore, RolloutChange } from "../../../contract/rolloutChange.ts";
import type { Tenant } from "../../../contract/tenant.ts";
import type { PlanBinding } from "../../../registry/planBinding.ts";

/** How a rollout changes a tenant's record, and how it takes that back. Pure; a change of release or a repair leaves the record alone. */
export function changedRecord(tenant: Tenant, change: RolloutChange): Tenant {
  if (change.kind === "plan") return { ...tenant, ...bindingOf(change) };
  if (change.kind === "field") return withField(tenant, change.field, change.value);
  return tenant;
}

/** The members that the change has set, as they were; whatever else has been changed since stays. */
export function restoredRecord(tenant: Tenant, change: RolloutChange, before: RolloutBefore): Tenant {
  if (change.kind === "plan") {
    const { plan, planVersion } = before;
    return plan === undefined ? tenant : { ...tenant, ...bindingOf({ plan, planVersion }) };
  }
  if (change.kind === "field") {
    return before.field === undefined ? tenant : withField(tenant, change.field, before.field);
  }
  return tenant;
}

/** What rollouts kept before plans had versions meant the only one there was. */
function bindingOf({
  plan,
  planVersion = 1,
}: {
  plan: string;
  planVersion?: number | undefined;
}): PlanBinding {
  return { plan, planVersion };
}

export function fieldOf(tenant: Tenant, field: string): string | null {
  const [map, name] = field.split(".");
  if (name !== undefined && (map === "settings" || map === "secretRefs"))
    return tenant.config[map][name] ?? null;
  if (field === "suspensionMode" || field === "dataClassification") return tenant[field];
  return null;
}

function withField(tenant: Tenant, field: string, value: string | null): Tenant {
  const [map, name] = field.split(".");
  if (name !== undefined && (map === "settings" || map === "secretRefs")) {
    const { [name]: _before, ...others } = tenant.config[map];
    const values = value === null ? others : { ...others, [name]: value };
    return { ...tenant, config: { ...tenant.config, [map]: values } };
  }
  if (field === "suspensionMode") return { ...tenant, suspensionMode: value as Tenant["suspensionMode"] };
  return { ...tenant, dataClassification: value as Tenant["dataClassification"] };
}

/** What is kept of a flag's override; one that has expired decided nothing, so it is not brought back. */
export function keptOverride(override: FlagOverride | undefined): RolloutBefore["flag"] {
  if (override === undefined || override.expired) return null;
  const { enabled, reason, expiresAt } = override;
  return { enabled, reason, expiresAt };
}

/** Whether what changes is the tenant's own rather than one target's: all of its targets are then taken back together. */
export function isOfTenant({ kind }: RolloutChange): boolean {
  return kind === "plan" || kind === "field" || kind === "flag";
}
