import type { Operation } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import { TENANT_STATUS_LIMITS, type TenantStatusView } from "../../contract/tenantStatus.ts";
import { incidentsTouching } from "../../registry/incident.ts";
import { operationLiveOfTarget } from "../../registry/operation.ts";
import { pinsOf, pinsOfTenant } from "../../registry/pin.ts";
import type { Reader } from "../../registry/registry.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { windowsOf } from "../../registry/window.ts";
import { windowAnswerOf, windowAt } from "../windows/evaluate.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

/** As last recorded: it asks no cloud, so that it can be asked often. */
export async function tenantStatus(context: RequestContext, tenantId: string): Promise<TenantStatusView> {
  await authorize(context, "tenantStatus", tenantId);
  const at = new Date().toISOString();
  return context.registry.read(async (db) => {
    const { slug, displayName, status, requestedStatus } = await tenantGet(db, tenantId);
    const live = await targetsOfTenant(db, tenantId);
    const pins = (await pinsOfTenant(db, tenantId, at)).slice(0, TENANT_STATUS_LIMITS.pins);
    const incidents = await incidentsTouching(db, touched(tenantId, live), TENANT_STATUS_LIMITS.incidents);
    const targets = await targetStatuses(db, live, at);
    return { tenantId, slug, displayName, status, requestedStatus, at, targets, pins, incidents };
  });
}

function touched(tenantId: string, targets: readonly Target[]) {
  const planeNames = [...new Set(targets.map(({ planeName }) => planeName))];
  const releases = targets.flatMap((target) => [target.currentReleaseNumber, target.targetReleaseNumber]);
  return { tenantId, planeNames, releaseNumbers: [...new Set(releases.filter((number) => number !== null))] };
}

async function targetStatuses(
  db: Reader,
  targets: readonly Target[],
  at: string,
): Promise<TenantStatusView["targets"]> {
  const deciding = await pinsOf(
    db,
    targets.map(({ targetId }) => targetId),
    at,
  );
  const windows = await windowsOf(db, targets);
  const statuses: TenantStatusView["targets"] = [];
  for (const target of targets) {
    const { targetId } = target;
    const window = windowAnswerOf(windowAt(windows.get(targetId) ?? [], new Date(at)));
    const operation = await operationLiveOfTarget(db, targetId);
    statuses.push({
      ...axesOf(target),
      ...{ pin: deciding.get(targetId) ?? null, window, operation: operation ? brief(operation) : null },
    });
  }
  return statuses;
}

function axesOf(target: Target) {
  const { targetId, planeName, deploymentState, requestedState } = target;
  const { health, healthReason, healthCheckedAt, drift, driftCheckedAt } = target;
  const { version, currentReleaseNumber, targetReleaseNumber } = target;
  return {
    ...{ targetId, planeName, deploymentState, requestedState, health, healthReason, healthCheckedAt },
    ...{ version, currentReleaseNumber, targetReleaseNumber, drift, driftCheckedAt },
  };
}

function brief({ operationId, kind, status, currentStep, startedAt }: Operation) {
  return { operationId, kind, status, currentStep, startedAt };
}
