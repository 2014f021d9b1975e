import type { PlanVersion } from "../../contract/plan.ts";
import type { Plane } from "../../contract/plane.ts";
import type { Preflight, PreflightWarnings } from "../../contract/preflight.ts";
import { parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import type { ReadingService } from "../app/context.ts";
import type { Usage } from "../cloud/cloudRuntime.ts";
import { limits } from "../config/limits.ts";
import { cloudPlace } from "../operations/dataPlace.ts";
import { findingsOf, isWarning, worst } from "./findings.ts";
import { type Needs, needsOfTenants } from "./needs.ts";

/**
 * Preflight: whether a plane has room for what is to come, from what its account uses and may use.
 *
 * It promises advice: the numbers, where they come from being unknown said as such, and what to do. It refuses nothing
 * and fails nobody: quotas are raised, counts lag, and a false refusal costs more than a late warning.
 */
export async function preflight(
  service: ReadingService,
  plane: Plane,
  wish: { readonly tenants: number; readonly plan: PlanVersion; readonly needs?: Needs },
): Promise<Preflight> {
  const { tenants, plan, needs = needsOfTenants(tenants, plan) } = wish;
  const findings = findingsOf(await usagesOf(service, plane), needs);
  return {
    planeName: plane.name,
    ...{ plan: plan.plan, tenants, findings },
    level: worst(findings.map(({ level }) => level)),
    checkedAt: new Date().toISOString(),
  };
}

export function warningsOf({ planeName, findings }: Preflight): PreflightWarnings {
  return findings.filter(isWarning).map((finding) => ({ planeName, finding }));
}

interface Kept {
  readonly at: number;
  readonly usages: Promise<readonly Usage[]>;
}
/** By service, so that two of them in one process (tests) do not share. */
const kept = new WeakMap<object, Map<string, Kept>>();

/** A fleet's activations ask at once: what was counted within the last minute is believed. */
async function usagesOf(service: ReadingService, plane: Plane): Promise<readonly Usage[]> {
  const planes = kept.get(service.cloud) ?? new Map<string, Kept>();
  kept.set(service.cloud, planes);
  const known = planes.get(plane.name);
  if (known !== undefined && Date.now() - known.at < limits.preflightFreshMs) return known.usages;
  const entry = { at: Date.now(), usages: ask(service, plane) };
  planes.set(plane.name, entry);
  return entry.usages;
}

async function ask(service: ReadingService, plane: Plane): Promise<readonly Usage[]> {
  const outputs = parsePlaneOutputs(plane.outputs);
  const asked = service.cloud.usage({
    ...cloudPlace(plane, service.settings),
    cluster: outputs.clusterName,
    subnetIds: outputs.privateSubnetIds,
    listenerArn: outputs.httpsListenerArn,
    loadBalancerArn: outputs.loadBalancerArn,
  });
  try {
    return await withinLimit(asked);
  } catch (thrown) {
    service.log.warn({ err: thrown, planeName: plane.name }, "cannot count what the plane uses");
    return [];
  }
}

async function withinLimit<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the cloud took too long")), limits.preflightMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
