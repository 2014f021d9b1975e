import type { PlanVersion } from "../../contract/plan.ts";
import type { PreflightWarnings } from "../../contract/preflight.ts";
import type { Target } from "../../contract/target.ts";
import { planOf } from "../../registry/planBinding.ts";
import { planeGet } from "../../registry/plane.ts";
import type { Reader } from "../../registry/registry.ts";
import { plansOnPlane } from "../../registry/target.ts";
import type { ServiceContext } from "../app/context.ts";
import { needsOfRollout } from "./needs.ts";
import { preflight, warningsOf } from "./preflight.ts";

/**
 * What may not fit while targets change: as many as change at once have their tasks twice, of the largest plan that is on the
 * plane. What cannot be told is left out, and a rollout that will be refused is refused where that is decided.
 */
export async function rolloutWarnings(
  service: ServiceContext,
  maxConcurrency: number,
  targetsOf: (db: Reader) => Promise<readonly Pick<Target, "planeName">[]>,
): Promise<PreflightWarnings> {
  try {
    const targets = await service.registry.read(targetsOf);
    const names = [...new Set(targets.map(({ planeName }) => planeName))];
    const found = await Promise.all(
      names.map((name) => {
        const there = targets.filter(({ planeName }) => planeName === name).length;
        return planeWarnings(service, name, Math.min(maxConcurrency, there));
      }),
    );
    return found.flat();
  } catch (thrown) {
    service.log.debug({ err: thrown }, "no preflight advice for a rollout");
    return [];
  }
}

async function planeWarnings(
  service: ServiceContext,
  planeName: string,
  atOnce: number,
): Promise<PreflightWarnings> {
  const [plane, plans] = await service.registry.read(async (db) => {
    const bindings = await plansOnPlane(db, planeName);
    return Promise.all([planeGet(db, planeName), Promise.all(bindings.map((one) => planOf(db, one)))]);
  });
  const plan = largest(plans);
  if (plan === undefined) return [];
  const needs = needsOfRollout(atOnce, plan);
  return warningsOf(await preflight(service, plane, { tenants: atOnce, plan, needs }));
}

function largest(plans: readonly PlanVersion[]): PlanVersion | undefined {
  const vcpus = (plan: PlanVersion) => needsOfRollout(1, plan).fargate_vcpus;
  return [...plans].sort((left, right) => vcpus(right) - vcpus(left))[0];
}
