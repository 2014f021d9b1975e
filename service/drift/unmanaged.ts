import type { SeenDrift } from "../../registry/driftFinding.ts";
import type { CloudResource } from "../cloud/cloudRuntime.ts";

/** What clouds make by themselves from something that is managed, and tag alike. */
const MADE_BY_THE_CLOUD: ReadonlySet<string> = new Set([
  "ecs:task",
  "ecs:container-instance",
  "ec2:network-interface",
  "rds:cluster-snapshot",
  "rds:snapshot",
]);

/**
 * Objects with a tenant's tags that no state has. Pure. What is on its way out is none, nor is an older revision of a task
 * definition whose family is recorded: those stay in AWS's listings after a newer one has taken their place.
 */
export function unmanagedObjects(held: readonly CloudResource[], recorded: ReadonlySet<string>): SeenDrift[] {
  const families = new Set([...recorded].flatMap((id) => familyOf(id) ?? []));
  return held
    .filter(({ state, type }) => state === "present" && !MADE_BY_THE_CLOUD.has(type))
    .filter(({ arn, id }) => !recorded.has(arn) && !recorded.has(id))
    .filter(({ arn }) => !families.has(familyOf(arn) ?? ""))
    .map(({ arn, type, id }) => ({
      urn: `urn:tenantry:unmanaged::${arn}`,
      resourceType: type,
      logicalName: id,
      physicalId: arn,
      kind: "unmanaged",
      properties: [],
    }));
}

function familyOf(arn: string): string | undefined {
  return /^(arn:aws[a-z-]*:ecs:.*:task-definition\/[^:]+):\d+$/.exec(arn)?.[1];
}
