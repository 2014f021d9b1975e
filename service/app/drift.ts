import type { Page, PageRequest } from "../../contract/common.ts";
import type {
  DriftFinding,
  DriftFindingListQuery,
  DriftScan,
  DriftScanCreate,
  DriftScanDetail,
  DriftScanFinding,
  DriftScanTarget,
} from "../../contract/drift.ts";
import type { DriftScanTargetStatus } from "../../contract/vocabulary.ts";
import {
  driftFindingList as registryFindingList,
  driftScanFindingList as registryScanFindingList,
} from "../../registry/driftFindingRead.ts";
import * as registry from "../../registry/driftScan.ts";
import { driftPlacesIn } from "../../registry/driftScope.ts";
import { SCANNABLE } from "../../registry/driftSeen.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { requireKnownCohort } from "./fleetScope.ts";

export async function driftScanCreate(
  context: RequestContext,
  { reason, ...scope }: DriftScanCreate,
): Promise<DriftScan> {
  await authorize(context, "driftScanCreate");
  return changeAs(context, async (change) => {
    await requireKnownCohort(change.db, scope);
    const targets = await driftPlacesIn(change.db, scope, SCANNABLE);
    change.afterCommit(() => context.nudges.nudge("scans"));
    return registry.driftScanCreate(change, { scope, targets, reason });
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

export async function driftScanTargetList(
  context: RequestContext,
  scanId: string,
  query: PageRequest & { readonly status?: DriftScanTargetStatus | undefined },
): Promise<Page<DriftScanTarget>> {
  await authorize(context, "driftScanTargetList");
  return context.registry.read(async (db) => {
    await registry.driftScanGet(db, scanId);
    return registry.driftScanTargetList(db, scanId, query);
  });
}

export async function driftScanFindingList(
  context: RequestContext,
  scanId: string,
  page: PageRequest,
): Promise<Page<DriftScanFinding>> {
  await authorize(context, "driftScanFindingList");
  return context.registry.read(async (db) => {
    await registry.driftScanGet(db, scanId);
    return registryScanFindingList(db, scanId, page);
  });
}

export async function driftFindingList(
  context: RequestContext,
  query: DriftFindingListQuery,
): Promise<Page<DriftFinding>> {
  await authorize(context, "driftFindingList", query.tenantId);
  return context.registry.read((db) => registryFindingList(db, query));
}
