import { planOf } from "../../service/engine/changes.ts";
import type { PlannedChange, PlannedValue, PreviewResult } from "../../service/engine/engine.ts";
import { SERVICE_NAMES, specDigest, type TenantSpec } from "../../stacks/tenant/spec.ts";

/**
 * What the fake engine plans: all services created for a new stack, nothing for an equal spec; else an update of each service whose
 * release differs, and of the stack's role for whatever else the spec says differently. Tests that want replacements or
 * deletions give the changes (`fakeChange`).
 */
export function fakePlan(
  recorded: TenantSpec | undefined,
  spec: TenantSpec,
  given?: readonly PlannedChange[],
): PreviewResult {
  const changes = given ?? changesFor(recorded, spec);
  const summary: Record<string, number> = {};
  for (const { op } of changes) summary[op] = (summary[op] ?? 0) + 1;
  return planOf(changes, summary);
}

function changesFor(recorded: TenantSpec | undefined, spec: TenantSpec): readonly PlannedChange[] {
  if (recorded === undefined) return SERVICE_NAMES.map((name) => fakeChange(spec, { op: "create", name }));
  if (specDigest(recorded) === specDigest(spec)) return [];
  const services = SERVICE_NAMES.filter(
    (name) => JSON.stringify(recorded.release.services[name]) !== JSON.stringify(spec.release.services[name]),
  ).map((name) => fakeChange(spec, { name, properties: ["taskDefinition"] }));
  const onlyRelease = specDigest({ ...recorded, release: spec.release }) === specDigest(spec);
  if (onlyRelease && services.length > 0) return services;
  return [...services, fakeChange(spec, { name: "role", properties: ["tags"] })];
}

export function fakeChange(
  spec: TenantSpec,
  change: {
    op?: string;
    name: string;
    properties?: readonly string[];
    replaceProperties?: readonly string[];
    values?: readonly PlannedValue[];
  },
): PlannedChange {
  const resourceType = change.name === "role" ? "aws:iam/role:Role" : "aws:ecs/service:Service";
  return {
    urn: `urn:pulumi:s::tenant-${spec.tenant.tenantId}::${resourceType}::${change.name}`,
    op: change.op ?? "update",
    resourceType,
    logicalName: change.name,
    properties: change.properties ?? [],
    replaceProperties: change.replaceProperties ?? [],
    ...(change.values && { values: change.values }),
  };
}
