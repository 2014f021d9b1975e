import { requireTransition } from "../../contract/lifecycle.ts";
import type { Operation, OperationAccepted } from "../../contract/operation.ts";
import type { Release } from "../../contract/release.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type {
  TenantActivate,
  TenantDeploy,
  TenantReactivate,
  TenantRotateCredentials,
  TenantSuspend,
} from "../../contract/tenantLifecycle.ts";
import type { Change } from "../../registry/registry.ts";
import { releaseGet } from "../../registry/release.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionRequest } from "../../registry/tenantLifecycle.ts";
import { authorize } from "./authorize.ts";
import { type CatchingUp, catchUp } from "./catchUp.ts";
import type { RequestContext } from "./context.ts";
import {
  accepted,
  authorizeChosen,
  isToStay,
  liveTargets,
  placingScope,
  planesFor,
  refuseArchiving,
  releaseFor,
  targetsOn,
} from "./lifecycleTargets.ts";
import { refuseManaged } from "./managed.ts";
import { requestOperations } from "./requestOperations.ts";
import { refuseClosed, refuseIncompatible, refusePinned, refuseRelease } from "./startGates.ts";

/**
 * What can be asked of a tenant that is to run or to rest. Each function checks what the status allows, writes down what
 * is wanted, and leaves one operation a target behind, all in one change; the runner does the rest. Archiving is in
 * archive.ts, the end of a tenant in decommission.ts.
 */

export async function tenantActivate(
  context: RequestContext,
  tenantId: string,
  input: TenantActivate,
): Promise<OperationAccepted> {
  await authorize(context, "tenantActivate", tenantId);
  const tenant = await tenantThatMay(context, tenantId, "activate");
  const release = await releaseFor(context, input.releaseNumber);
  const named = input.planes ?? tenant.planes;
  const planes = await planesFor(context, tenant, named);
  if (named.length === 0) await authorizeChosen(context, "tenantActivate", tenantId, planes);
  return accepted(context, placingScope(tenant), async (change) => {
    const edit = { what: "activate", goal: "active", planes: input.planes } as const;
    await refuseManaged(context, change, tenant, { ...edit, releaseNumber: input.releaseNumber });
    const wanted = await targetsOn(change, tenantId, planes, {
      release,
      requestedState: "present",
      chosen: named.length === 0,
    });
    await refusePinned(context, change, wanted, release.number);
    const operations = await requestOperations(change, wanted, {
      ...{ kind: "tenant_activate", state: "provisioning", transition: "activate" },
      ...optionsOf(input),
      patch: { requestedState: "present", targetReleaseNumber: release.number },
      input: { releaseNumber: release.number },
    });
    await tenantTransitionRequest(change, tenantId, "activate", { reason: input.reason });
    return operations;
  });
}

export async function tenantDeploy(
  context: RequestContext,
  tenantId: string,
  input: TenantDeploy,
): Promise<OperationAccepted> {
  await authorize(context, "tenantDeploy", tenantId);
  const tenant = await tenantThatMay(context, tenantId, "deploy");
  const live = (await context.registry.read((db) => targetsOfTenant(db, tenantId))).filter(isToStay);
  const names = input.planes ?? live.map((target) => target.planeName);
  const isNew = names.some((name) => !live.some((target) => target.planeName === name));
  const named = input.releaseNumber !== undefined || isNew;
  const release = named ? await releaseFor(context, input.releaseNumber) : undefined;
  const planes = await planesFor(context, tenant, names);
  if (names.length === 0) await authorizeChosen(context, "tenantDeploy", tenantId, planes);
  return accepted(context, placingScope(tenant), async (change) => {
    const { status } = await tenantGet(change.db, tenantId);
    requireTransition(status, "deploy");
    const edit = { what: "deploy", goal: status, planes: input.planes } as const;
    await refuseManaged(context, change, tenant, { ...edit, releaseNumber: input.releaseNumber });
    const state = status === "suspended" ? ("suspended" as const) : ("present" as const);
    const wanted = await targetsOn(change, tenantId, planes, {
      release,
      requestedState: state,
      chosen: false,
    });
    refuseArchiving(wanted, "deploy");
    await refuseGated(context, change, wanted, input, release);
    const { force } = input;
    const number = release?.number;
    const operations: Operation[] = [];
    for (const target of wanted) {
      // Named after a decommissioning that failed there, the plane is wanted again.
      const again = isToStay(target) ? {} : { requestedState: state };
      operations.push(
        ...(await requestOperations(change, [target], {
          ...{ kind: "tenant_deploy", state: "updating" },
          ...optionsOf(input),
          input: { force, ...(number !== undefined && { releaseNumber: number }) },
          patch: { ...again, ...(number !== undefined && { targetReleaseNumber: number }) },
        })),
      );
    }
    return operations;
  });
}

/** What is new on a plane is not asked when: nobody works there yet. */
async function refuseGated(
  context: RequestContext,
  change: Change,
  targets: readonly Target[],
  { emergency }: TenantDeploy,
  release: Release | undefined,
): Promise<void> {
  if (release !== undefined) {
    await refusePinned(context, change, targets, release.number);
    await refuseIncompatible(change.db, targets, release);
  }
  const running = targets.filter(({ currentReleaseNumber }) => currentReleaseNumber !== null);
  await refuseClosed(change, running, emergency);
}

export async function tenantSuspend(
  context: RequestContext,
  tenantId: string,
  input: TenantSuspend,
): Promise<OperationAccepted> {
  await authorize(context, "tenantSuspend", tenantId);
  return accepted(context, tenantId, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    requireTransition(tenant.status, "suspend");
    await refuseManaged(context, change, tenant, {
      what: "suspend",
      goal: "suspended",
      planes: input.planes,
    });
    const { chosen, whole } = await liveTargets(change, tenantId, input.planes);
    const operations = await requestSuspension(change, tenant, chosen, { ...input, whole });
    if (whole) await tenantTransitionRequest(change, tenantId, "suspend", { reason: input.reason });
    return operations;
  });
}

export type SuspensionRequest = Omit<TenantSuspend, "planes"> & { readonly whole: boolean };

/** One suspension a target, as the request says or else as the tenant's record does. */
export function requestSuspension(
  change: Change,
  tenant: Tenant,
  targets: readonly Target[],
  request: SuspensionRequest,
): Promise<Operation[]> {
  const suspensionMode = request.mode ?? tenant.suspensionMode;
  return requestOperations(change, targets, {
    ...{ kind: "tenant_suspend", state: "suspending" },
    ...optionsOf(request),
    ...(request.whole && { transition: "suspend" }),
    patch: { requestedState: "suspended", suspensionMode },
    input: {},
  });
}

export async function tenantReactivate(
  context: RequestContext,
  tenantId: string,
  input: TenantReactivate,
): Promise<OperationAccepted> {
  await authorize(context, "tenantReactivate", tenantId);
  const { releaseNumber } = input;
  if (releaseNumber !== undefined) await context.registry.read((db) => releaseGet(db, releaseNumber));
  return accepted(context, tenantId, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    if (tenant.status !== "active") requireTransition(tenant.status, "reactivate");
    const { chosen, whole } = await liveTargets(change, tenantId, input.planes);
    // Some targets of an active tenant may be suspended by name; those can be taken back by name.
    const partly =
      tenant.status === "active" && !whole && chosen.every((target) => target.requestedState === "suspended");
    if (!partly) requireTransition(tenant.status, "reactivate");
    const edit = { what: "reactivate", goal: "active", planes: input.planes, releaseNumber } as const;
    await refuseManaged(context, change, tenant, edit);
    refuseArchiving(chosen, "reactivate");
    const operations = await requestReactivation(context, change, chosen, { ...input, whole: !partly });
    if (!partly) await tenantTransitionRequest(change, tenantId, "reactivate", { reason: input.reason });
    return operations;
  });
}

export type ReactivationRequest = Omit<TenantReactivate, "planes"> & { readonly whole: boolean };

/** One reactivation a target, with what rollouts have brought to others while it rested. */
export async function requestReactivation(
  context: CatchingUp & Pick<RequestContext, "forceReason">,
  change: Change,
  targets: readonly Target[],
  request: ReactivationRequest,
): Promise<Operation[]> {
  const operations: Operation[] = [];
  for (const target of targets) {
    const number = await catchUp(change, context, target, request.releaseNumber);
    if (number !== null) await refuseRelease(context, change, target, number);
    const [operation] = await requestOperations(change, [target], {
      ...{ kind: "tenant_reactivate", state: "updating" },
      ...optionsOf(request),
      ...(request.whole && { transition: "reactivate" }),
      patch: {
        requestedState: "present",
        suspensionMode: null,
        ...(number !== null && { targetReleaseNumber: number }),
      },
      input: { caughtUpAt: change.now, ...(number !== null && { releaseNumber: number }) },
    });
    if (operation !== undefined) operations.push(operation);
  }
  return operations;
}

type AskedOptions = Pick<TenantSuspend, "reason" | "onFailure" | "deadlineMs">;

/** What a manifest declares stays as it is, so a managed tenant's passwords are rotated like any other's. */
export async function tenantRotateCredentials(
  context: RequestContext,
  tenantId: string,
  input: TenantRotateCredentials,
): Promise<OperationAccepted> {
  await authorize(context, "tenantRotateCredentials", tenantId);
  return accepted(context, tenantId, async (change) => {
    requireTransition((await tenantGet(change.db, tenantId)).status, "rotate_credentials");
    const { chosen } = await liveTargets(change, tenantId, input.planes);
    refuseArchiving(chosen, "rotate the credentials of");
    return requestOperations(change, chosen, {
      ...{ kind: "tenant_rotate_credentials", state: "updating", input: {} },
      ...optionsOf(input),
    });
  });
}

/** What every request for an operation may say of it. */
export function optionsOf({ reason, onFailure, deadlineMs }: Partial<AskedOptions>): Partial<AskedOptions> {
  return { reason, onFailure, deadlineMs };
}

/** Asked once before the planes are read, which is slow, and again inside the change, which is what counts. */
async function tenantThatMay(
  context: RequestContext,
  tenantId: string,
  action: "activate" | "deploy",
): Promise<Tenant> {
  const tenant = await context.registry.read((db) => tenantGet(db, tenantId));
  requireTransition(tenant.status, action);
  return tenant;
}
