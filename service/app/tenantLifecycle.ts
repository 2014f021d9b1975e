import { ProblemError } from "../../contract/errors.ts";
import { requireTransition, type TenantAction } from "../../contract/lifecycle.ts";
import type { Operation, OperationAccepted } from "../../contract/operation.ts";
import type { Plane } from "../../contract/plane.ts";
import type { Release } from "../../contract/release.ts";
import type { Target } from "../../contract/target.ts";
import type {
  Tenant,
  TenantActivate,
  TenantDecommission,
  TenantDeploy,
  TenantReactivate,
  TenantSuspend,
} from "../../contract/tenant.ts";
import type { Change } from "../../registry/registry.ts";
import { releaseGet, releaseLatest } from "../../registry/release.ts";
import { targetCreate, targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete, tenantTransitionRequest } from "../../registry/tenantLifecycle.ts";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { planeEnsure } from "./plane.ts";
import { requestOperations } from "./requestOperations.ts";

/**
 * What can be asked of a tenant's life. Each function checks what the status allows, writes down what is wanted, and leaves one
 * operation a target behind, all in one change; the runner does the rest.
 */

export async function tenantActivate(
  context: RequestContext,
  tenantId: string,
  input: TenantActivate,
): Promise<OperationAccepted> {
  await authorize(context, "tenantActivate", tenantId);
  const tenant = await tenantThatMay(context, tenantId, "activate");
  const release = await releaseFor(context, input.releaseNumber);
  const planes = await planesFor(context, input.planes ?? tenant.planes);
  return accepted(context, async (change) => {
    const request = { kind: "tenant_activate", state: "provisioning", reason: input.reason } as const;
    const wanted = await targetsOn(change, tenantId, planes, release);
    const patch = { requestedState: "present", targetReleaseNumber: release.number } as const;
    const operations = await requestOperations(change, wanted, {
      ...request,
      patch,
      input: { releaseNumber: release.number },
    });
    await tenantTransitionRequest(change, tenantId, "activate", input.reason);
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
  const planes = await planesFor(context, names);
  return accepted(context, async (change) => {
    requireTransition((await tenantGet(change.db, tenantId)).status, "deploy");
    const state = tenant.status === "suspended" ? ("suspended" as const) : ("present" as const);
    const wanted = await targetsOn(change, tenantId, planes, release, state);
    const { reason, force } = input;
    const request = { kind: "tenant_deploy", state: "updating", reason } as const;
    const number = release?.number;
    const operations: Operation[] = [];
    for (const target of wanted) {
      // Named after a decommissioning that failed there, the plane is wanted again.
      const again = isToStay(target) ? {} : { requestedState: state };
      operations.push(
        ...(await requestOperations(change, [target], {
          ...request,
          input: { force, ...(number !== undefined && { releaseNumber: number }) },
          patch: { ...again, ...(number !== undefined && { targetReleaseNumber: number }) },
        })),
      );
    }
    return operations;
  });
}

export async function tenantSuspend(
  context: RequestContext,
  tenantId: string,
  input: TenantSuspend,
): Promise<OperationAccepted> {
  await authorize(context, "tenantSuspend", tenantId);
  return accepted(context, async (change) => {
    requireTransition((await tenantGet(change.db, tenantId)).status, "suspend");
    const { chosen, whole } = await liveTargets(change, tenantId, input.planes);
    const patch = { requestedState: "suspended" } as const;
    const request = { kind: "tenant_suspend", state: "suspending", reason: input.reason, patch } as const;
    const operations = await requestOperations(change, chosen, { ...request, input: {} });
    if (whole) await tenantTransitionRequest(change, tenantId, "suspend", input.reason);
    return operations;
  });
}

export async function tenantReactivate(
  context: RequestContext,
  tenantId: string,
  input: TenantReactivate,
): Promise<OperationAccepted> {
  await authorize(context, "tenantReactivate", tenantId);
  return accepted(context, async (change) => {
    const { status } = await tenantGet(change.db, tenantId);
    const { chosen, whole } = await liveTargets(change, tenantId, input.planes);
    // Some targets of an active tenant may be suspended by name; those can be taken back by name.
    const partly =
      status === "active" && !whole && chosen.every((target) => target.requestedState === "suspended");
    if (!partly) requireTransition(status, "reactivate");
    const patch = { requestedState: "present" } as const;
    const request = { kind: "tenant_reactivate", state: "updating", reason: input.reason, patch } as const;
    const operations = await requestOperations(change, chosen, { ...request, input: {} });
    if (!partly) await tenantTransitionRequest(change, tenantId, "reactivate", input.reason);
    return operations;
  });
}

export async function tenantDecommission(
  context: RequestContext,
  tenantId: string,
  input: TenantDecommission,
): Promise<OperationAccepted> {
  await authorize(context, "tenantDecommission", tenantId);
  return accepted(context, async (change) => {
    const tenant = await tenantGet(change.db, tenantId);
    requireTransition(tenant.status, "decommission");
    refuseWrongSlug(tenant, input.confirmSlug);
    const { chosen, whole } = await liveTargets(change, tenantId, input.planes, { toEnd: true });
    const patch = { requestedState: "absent" } as const;
    const request = {
      kind: "tenant_decommission",
      state: "deprovisioning",
      reason: input.reason,
      patch,
    } as const;
    const operations = await requestOperations(change, chosen, { ...request, input: {} });
    if (whole) await tenantTransitionRequest(change, tenantId, "decommission", input.reason);
    if (whole && chosen.length === 0) {
      await tenantTransitionComplete(change, tenantId, "decommission", input.reason);
    }
    return operations;
  });
}

async function accepted(
  context: RequestContext,
  work: (change: Change) => Promise<OperationAccepted["operations"]>,
): Promise<OperationAccepted> {
  return changeAs(context, async (change) => {
    change.afterCommit(() => context.nudges.nudge("operations"));
    return { operations: await work(change) };
  });
}

/** Asked once before the planes are read, which is slow, and again inside the change, which is what counts. */
async function tenantThatMay(
  context: RequestContext,
  tenantId: string,
  action: TenantAction,
): Promise<Tenant> {
  const tenant = await context.registry.read((db) => tenantGet(db, tenantId));
  requireTransition(tenant.status, action);
  return tenant;
}

async function releaseFor(context: RequestContext, number: number | undefined): Promise<Release> {
  const release = await context.registry.read((db) =>
    number === undefined ? releaseLatest(db) : releaseGet(db, number),
  );
  if (release !== undefined) return release;
  throw new ProblemError("release_missing", {
    detail: "Cannot deploy: there must be a release, and none has been made.",
    hint: "Make one with POST /v1/control-plane/releases, then send the request again.",
    errors: [{ path: "body.releaseNumber", message: "is missing, and there is no newest release" }],
  });
}

async function planesFor(context: RequestContext, names: readonly string[]): Promise<Plane[]> {
  if (names.length === 0) {
    throw new ProblemError("plane_missing", {
      detail: "Cannot deploy: a plane must be named, and neither the request nor the tenant names one.",
      hint: 'Send {"planes": ["dev-eu-west-1"]}, or set planes on the tenant.',
      errors: [{ path: "body.planes", message: "is missing, and the tenant has none" }],
    });
  }
  const planes: Plane[] = [];
  for (const name of names) planes.push(await planeEnsure(context, name, context));
  return planes;
}

/** The tenant's target on each plane; those that are not there yet are made. */
async function targetsOn(
  change: Change,
  tenantId: string,
  planes: readonly Plane[],
  release: Release | undefined,
  requestedState: "present" | "suspended" = "present",
): Promise<Target[]> {
  const live = await targetsOfTenant(change.db, tenantId);
  const wanted: Target[] = [];
  for (const plane of planes) {
    const existing = live.find((target) => target.planeName === plane.name);
    wanted.push(existing ?? (await newTarget(change, tenantId, plane, release, requestedState)));
  }
  return wanted;
}

async function newTarget(
  change: Change,
  tenantId: string,
  plane: Plane,
  release: Release | undefined,
  requestedState: "present" | "suspended",
): Promise<Target> {
  const generation = await nextGeneration(change, tenantId, plane.planeId);
  return targetCreate(change, {
    tenantId,
    plane,
    generation,
    projectName: projectName(tenantId),
    stackName: stackName(plane.name, generation),
    targetReleaseNumber: release?.number ?? null,
    requestedState,
  });
}

/** A generation is never used twice, so that what is left of an earlier one can never be taken for this one. */
async function nextGeneration(change: Change, tenantId: string, planeId: string): Promise<number> {
  const row = await change.db
    .selectFrom("targets")
    .select((eb) => eb.fn.max("generation").as("generation"))
    .where("tenantId", "=", tenantId)
    .where("planeId", "=", planeId)
    .executeTakeFirst();
  return Number(row?.generation ?? 0) + 1;
}

/** A decommissioning that failed half-way leaves a target that nothing but another decommissioning may touch. */
function isToStay(target: Target): boolean {
  return target.requestedState !== "absent";
}

async function liveTargets(
  change: Change,
  tenantId: string,
  planes: readonly string[] | undefined,
  options: { readonly toEnd?: boolean } = {},
): Promise<{ chosen: Target[]; whole: boolean }> {
  const all = await targetsOfTenant(change.db, tenantId);
  const live = options.toEnd === true ? all : all.filter(isToStay);
  const unknown = planes?.find((name) => !live.some((target) => target.planeName === name));
  if (unknown !== undefined) throw targetMissing(live, unknown);
  const chosen = live.filter((target) => planes === undefined || planes.includes(target.planeName));
  if (chosen.length === 0 && options.toEnd !== true) throw targetMissing(live, undefined);
  return { chosen, whole: chosen.length === live.length };
}

function targetMissing(live: readonly Target[], plane: string | undefined): ProblemError {
  const names = live.map((target) => target.planeName).join(", ") || "none";
  return new ProblemError("target_missing", {
    detail: `Cannot go on: the tenant must have a target${plane === undefined ? "" : ` on ${plane}`}; it has ${names}.`,
    hint: "Name planes where the tenant is, or activate it first.",
    errors: [
      { path: "body.planes", message: "names no target of the tenant", ...(plane && { value: plane }) },
    ],
  });
}

function refuseWrongSlug(tenant: Tenant, confirmSlug: string): void {
  if (confirmSlug === tenant.slug) return;
  throw new ProblemError("confirmation_mismatch", {
    detail: `Cannot decommission: confirmSlug must be the tenant's slug, got ${confirmSlug}.`,
    hint: "Type the slug of the tenant you mean; nothing has been changed.",
    errors: [{ path: "body.confirmSlug", message: "is not this tenant's slug", value: confirmSlug }],
  });
}
