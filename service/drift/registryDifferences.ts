import type { Target } from "../../contract/target.ts";
import type { SeenDrift } from "../../registry/driftFinding.ts";

/** What the registry says of a target and the stack says of itself, by the outputs' names. */
const COMPARED = {
  tenantId: "tenantId",
  planeName: "planeName",
  generation: "generation",
  specDigest: "currentSpecDigest",
  releaseNumber: "currentReleaseNumber",
} as const satisfies Record<string, keyof Target>;

/**
 * Registry against state. Pure. `outputs` are undefined when there is no such stack. A target whose last operation did not succeed
 * is half-way by its own account, and only its stack's being there is compared; of one on its way out nothing is.
 */
export function registryDifferences(
  target: Target,
  outputs: Readonly<Record<string, unknown>> | undefined,
): SeenDrift[] {
  if (target.requestedState !== "present" && target.requestedState !== "suspended") return [];
  if (outputs === undefined) return target.currentSpecDigest === null ? [] : [finding(target, "stack", [])];
  if (target.lastOperationStatus !== "succeeded") return [];
  const properties = Object.entries(COMPARED).flatMap(([output, column]) => {
    const recorded = target[column];
    const actual = outputs[output] ?? null;
    return recorded === null || recorded === actual ? [] : [{ path: output, recorded, actual }];
  });
  return properties.length === 0 ? [] : [finding(target, "outputs", properties)];
}

function finding(
  { projectName, stackName }: Target,
  logicalName: string,
  properties: SeenDrift["properties"],
): SeenDrift {
  return {
    urn: `urn:tenantry:registry::${projectName}/${stackName}::${logicalName}`,
    resourceType: "tenantry:stack",
    logicalName,
    physicalId: `${projectName}/${stackName}`,
    kind: "registry",
    properties,
  };
}
