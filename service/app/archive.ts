import type { Archive, TenantArchive, TenantRestore } from "../../contract/archive.ts";
import type { Page, PageRequest } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import { requireTransition } from "../../contract/lifecycle.ts";
import type { Operation, OperationAccepted } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import { archiveOfTarget, archiveList as registryArchiveList } from "../../registry/archive.ts";
import type { Change } from "../../registry/registry.ts";
import { releaseGet } from "../../registry/release.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionRequest } from "../../registry/tenantLifecycle.ts";
import { authorize } from "./authorize.ts";
import { type CatchingUp, catchUp } from "./catchUp.ts";
import type { RequestContext } from "./context.ts";
import { accepted, isToStay, targetMissing } from "./lifecycleTargets.ts";
import { refuseManaged } from "./managed.ts";
import { planeEnsure } from "./plane.ts";
import { requestOperations } from "./requestOperations.ts";
import { refuseRelease } from "./startGates.ts";
import { optionsOf } from "./tenantLifecycle.ts";

/**
 * Archiving and restoring, always of the whole tenant: a tenant with one half of its data in the archive is neither
 * archived nor suspended. A target whose data is in the archive already is passed by, so that asking again after a
 * failure goes on with what is left.
 */
const DAY_MS = 86_400_000;

export async function tenantArchive(
  context: RequestContext,
  tenantId: string,
  input: TenantArchive,
): Promise<OperationAccepted> {
  await authorize(context, "tenantArchive", tenantId);
  return accepted(context, tenantId, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    requireTransition(tenant.status, "archive");
    await refuseManaged(context, change, tenant, { what: "archive", goal: "archived" });
    const live = (await targetsOfTenant(change.db, tenantId)).filter(isToStay);
    if (live.length === 0) throw targetMissing(live, undefined);
    const days = input.retentionDays ?? context.settings.archiveRetentionDays;
    const retainUntil = new Date(Date.parse(change.now) + days * DAY_MS).toISOString();
    const operations: Operation[] = [];
    for (const target of live.filter(({ deploymentState }) => deploymentState !== "archived")) {
      operations.push(...(await archiveTarget(change, target, retainUntil, input)));
    }
    await tenantTransitionRequest(change, tenantId, "archive", { reason: input.reason });
    return operations;
  });
}

/** What an earlier attempt has moved and verified is not moved again: its source may be gone. */
async function archiveTarget(
  change: Change,
  target: Target,
  retainUntil: string,
  input: TenantArchive,
): Promise<Operation[]> {
  const newest =
    target.requestedState === "archived" ? await archiveOfTarget(change.db, target.targetId) : undefined;
  // One that was restored since is of data that has changed since.
  const verified = newest?.restoredAt === null ? newest : undefined;
  return requestOperations(change, [target], {
    ...{ kind: "tenant_archive", state: "archiving", transition: "archive" },
    ...optionsOf(input),
    patch: { requestedState: "archived" },
    input: {
      archive: { ...(verified && { archiveId: verified.archiveId }), retainUntil },
    },
  });
}

export async function tenantRestore(
  context: RequestContext,
  tenantId: string,
  input: TenantRestore,
): Promise<OperationAccepted> {
  await authorize(context, "tenantRestore", tenantId);
  const { releaseNumber } = input;
  if (releaseNumber !== undefined) await context.registry.read((db) => releaseGet(db, releaseNumber));
  const known = await context.registry.read(async (db) => {
    requireTransition((await tenantGet(db, tenantId)).status, "restore");
    return targetsOfTenant(db, tenantId);
  });
  for (const { planeName } of known) await planeEnsure(context, planeName, context);
  return accepted(context, tenantId, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    requireTransition(tenant.status, "restore");
    await refuseManaged(context, change, tenant, { what: "restore", goal: "active", releaseNumber });
    const archived = (await targetsOfTenant(change.db, tenantId)).filter(isToStay);
    if (archived.length === 0) throw targetMissing(archived, undefined);
    const operations: Operation[] = [];
    for (const target of archived.filter(({ deploymentState }) => deploymentState !== "ready")) {
      operations.push(...(await restoreTarget(context, change, target, input)));
    }
    await tenantTransitionRequest(change, tenantId, "restore", { reason: input.reason });
    return operations;
  });
}

/** The data in the archive has the schema of the release that it was archived on. */
async function restoreTarget(
  context: CatchingUp & Pick<RequestContext, "forceReason">,
  change: Change,
  target: Target,
  input: TenantRestore,
): Promise<Operation[]> {
  const archive = await archiveOfTarget(change.db, target.targetId);
  if (archive === undefined) throw archiveMissing(target);
  const currentReleaseNumber = archive.releaseNumber ?? target.currentReleaseNumber;
  const asArchived = { ...target, currentReleaseNumber };
  const number = await catchUp(change, context, asArchived, input.releaseNumber);
  if (number !== null) await refuseRelease(context, change, asArchived, number);
  return requestOperations(change, [target], {
    ...{ kind: "tenant_restore", state: "provisioning", transition: "restore" },
    ...optionsOf(input),
    patch: {
      requestedState: "present",
      suspensionMode: null,
      ...(number !== null && { targetReleaseNumber: number }),
    },
    input: {
      archive: { archiveId: archive.archiveId, retainUntil: archive.retainUntil },
      caughtUpAt: change.now,
      ...(number !== null && { releaseNumber: number }),
    },
  });
}

function archiveMissing({ planeName, targetId }: Target): ProblemError {
  return new ProblemError("archive_missing", {
    detail: `Cannot restore: the target on ${planeName} must have a complete archive, and it has none.`,
    hint: "List the archives with GET /v1/control-plane/tenants/{tenantId}/archives.",
    errors: [{ path: "target.targetId", message: "has no archive", value: targetId }],
  });
}

export async function archiveList(
  context: RequestContext,
  tenantId: string,
  page: PageRequest,
): Promise<Page<Archive>> {
  await authorize(context, "archiveList", tenantId);
  return context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    return registryArchiveList(db, tenantId, page);
  });
}
