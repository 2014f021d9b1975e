import { planOf } from "../../registry/planBinding.ts";
import { planeGet } from "../../registry/plane.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { isWarning } from "../preflight/findings.ts";
import { needsOfTenants } from "../preflight/needs.ts";
import { preflight } from "../preflight/preflight.ts";
import type { Step, StepRun } from "./saga.ts";

/**
 * A step that says first what may not fit, and keeps it in its result. No step of its own: it changes nothing, and must
 * never be what an activation fails at.
 */
export function withPreflight(step: Step): Step {
  return {
    ...step,
    async run(run) {
      const advice = await adviceFor(run);
      return { ...(await step.run(run)), preflight: advice };
    },
  };
}

async function adviceFor(run: StepRun) {
  const { service, target } = run;
  try {
    const [plane, tenant] = await service.registry.read((db) =>
      Promise.all([planeGet(db, target.planeName), tenantGet(db, target.tenantId)]),
    );
    const plan = await service.registry.read((db) => planOf(db, tenant));
    const wish = { tenants: 1, plan, needs: needsOfTenants(1, plan, tenant.isolation) };
    const { level, findings } = await preflight(service, plane, wish);
    const warnings = findings.filter(isWarning);
    for (const finding of warnings) {
      await run.say(`Preflight: ${finding.title}: ${finding.advice}`, { finding });
    }
    return { level, warnings };
  } catch (thrown) {
    service.log.warn({ err: thrown, operationId: run.operation.operationId }, "no preflight advice");
    return { level: "unknown", warnings: [] };
  }
}
