import type { Tenant } from "../contract/tenant.ts";

/** Old and new of each field that differs; of settings and references the names only. */
export function changedFields(before: Tenant, after: Tenant): Record<string, unknown> {
  const fields = [
    "displayName",
    "status",
    "requestedStatus",
    "plan",
    "planVersion",
    "primaryDomain",
    "labels",
    "planes",
    "isolation",
    "regions",
    "suspensionMode",
    "dataClassification",
    "managedBy",
    "legalHold",
    "decommissionAfter",
  ] as const;
  const changed: Record<string, unknown> = {};
  for (const field of fields) {
    if (same(before[field], after[field])) continue;
    changed[field] = { from: before[field], to: after[field] };
  }
  for (const part of ["settings", "secretRefs"] as const) {
    const names = changedNames(before.config[part], after.config[part]);
    if (names.length > 0) changed[part] = names;
  }
  return changed;
}

function changedNames(before: Record<string, string>, after: Record<string, string>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
