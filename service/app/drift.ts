import type { Page, PageRequest } from "../../contract/common.ts";
import type {
  DriftFinding,
  DriftFindingListQuery,
  DriftRepairCreate,
  DriftScan,
  DriftScanCreate,
  DriftScanDetail,
} from "../../contract/drift.ts";
import type { Operation, OperationAccepted } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import { driftFindingList as registryFindingList } from "../../registry/driftFinding.ts";
import * as registry from "../../registry/driftScan.ts";
import { targetsMatching } from "../../registry/target.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { requireKnown } from "./fleetScope.ts";
import { requestOperations } from "./requestOperations.ts";

/** Where there is something in the cloud to compare with. */
const scannable = ["ready", "updating", "suspending", "suspended", "failed"] as const;

export async function driftScanCreate(context: RequestContext, input: DriftScanCreate): Promise<DriftScan> {
  await authorize(context, "driftScanCreate");
  return changeAs(context, async (change) => {
    await requireKnown(change.db, input);
    const targets = await targetsMatching(change.db, { ...input, deploymentStates: scannable });
    change.afterCommit(() => context.nudges.nudge("scans"));
    const { planes, tenantIds } = input;
    const scope = { ...(planes && { planes }), ...(tenantIds && { tenantIds }) };
    return registry.driftScanCreate(change, { scope, targets });
  });
}

export async function driftScanList(context: RequestContext, page: PageRequest): Promise<Page<DriftScan>> {
  await authorize(context, "driftScanList");
  return context.registry.read((db) => registry.driftScanList(db, page));
}

export async function driftScanGet(context: RequestContext, scanId: string): Promise<DriftScanDetail> {
  await authorize(context, "driftScanGet");
  return context.registry.read((db) => registry.driftScanDetail(db, scanId));
}

export async function driftFindingList(
  context: RequestContext,
  query: DriftFindingListQuery,
): Promise<Page<DriftFinding>> {
  await authorize(context, "driftFindingList");
  return context.registry.read((db) => registryFindingList(db, query));
}

/**
 * One repair for each target with open findings; none when there are none. What is being taken down is left alone: a
 * repair would put back what a decommissioning or an archiving that failed half-way has deleted.
 */
export async function driftRepairCreate(
  context: RequestContext,
  input: DriftRepairCreate,
): Promise<OperationAccepted> {
  await authorize(context, "driftRepairCreate");
  return changeAs(context, async (change) => {
    await requireKnown(change.db, input);
    const targets = await targetsMatching(change.db, { ...input, deploymentStates: scannable });
    change.afterCommit(() => context.nudges.nudge("operations"));
    const operations: Operation[] = [];
    for (const target of targets.filter(isToBeRepaired)) {
      const release = target.currentReleaseNumber;
      const pinned = release === null ? {} : { releaseNumber: release };
      const request = {
        kind: "drift_repair",
        state: "updating",
        input: pinned,
        reason: input.reason,
      } as const;
      operations.push(...(await requestOperations(change, [target], request)));
    }
    return { operations };
  });
}

function isToBeRepaired({ drift, requestedState }: Target): boolean {
  return drift === "drifted" && (requestedState === "present" || requestedState === "suspended");
}
