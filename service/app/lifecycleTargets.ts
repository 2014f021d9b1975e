import { ProblemError } from "../../contract/errors.ts";
import type { OperationAccepted } from "../../contract/operation.ts";
import type { Plane } from "../../contract/plane.ts";
import type { Release } from "../../contract/release.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { planeAll } from "../../registry/plane.ts";
import { quotaCheck } from "../../registry/quota.ts";
import type { Change } from "../../registry/registry.ts";
import { releaseGet, releaseLatest } from "../../registry/release.ts";
import { targetCreate, targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import { placeTenant, planesToUse } from "../placement/placeTenant.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { refuseEnvironment } from "./environmentScope.ts";
import { planeEnsure, planeEnsureAll } from "./plane.ts";

/** Which targets, planes and releases a request about a tenant's life means. */

/**
 * Whom a change that may place the tenant keeps waiting: itself, or everybody where it takes addresses of its plane, which two
 * tenants must not both be given.
 */
export function placingScope({ tenantId, isolation }: Tenant): string | undefined {
  return isolation === "dedicated" ? undefined : tenantId;
}

export async function accepted(
  context: RequestContext,
  tenantId: string | undefined,
  work: (change: Change) => Promise<OperationAccepted["operations"]>,
): Promise<OperationAccepted> {
  const accepting = async (change: Change) => {
    change.afterCommit(() => context.nudges.nudge("operations"));
    return { operations: await work(change) };
  };
  return changeAs(context, accepting, tenantId === undefined ? undefined : { tenantId });
}

export async function releaseFor(context: RequestContext, number: number | undefined): Promise<Release> {
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

/** The named planes as they are now; without names, the one that the tenant's regions choose. */
export async function planesFor(
  context: RequestContext,
  tenant: Tenant,
  named: readonly string[],
): Promise<Plane[]> {
  // Right after the start of a service the planes may not have been read yet.
  const isChosen = named.length === 0;
  if (isChosen && (await context.registry.read(planeAll)).length === 0) await planeEnsureAll(context);
  const names = await context.registry.read((db) => planesToUse(db, tenant, named));
  const planes: Plane[] = [];
  for (const name of names) planes.push(await planeEnsure(context, name, context));
  return planes;
}

/** What was chosen for the tenant is decided on as if the caller had named it. */
export async function authorizeChosen(
  context: RequestContext,
  action: "tenantActivate" | "tenantDeploy",
  tenantId: string,
  planes: readonly Plane[],
): Promise<void> {
  const names = planes.map(({ name }) => name);
  await refuseEnvironment(context, action, { params: { tenantId }, query: {}, body: { planes: names } });
  await authorize(context, action, tenantId, { planes: names });
}

export interface NewTargets {
  readonly release: Release | undefined;
  readonly requestedState: "present" | "suspended";
  /** Whether the planes were chosen for the tenant instead of being named. */
  readonly chosen: boolean;
}

/** The tenant's target on each plane; those that are not there yet are made. */
export async function targetsOn(
  change: Change,
  tenantId: string,
  planes: readonly Plane[],
  wish: NewTargets,
): Promise<Target[]> {
  const live = await targetsOfTenant(change.db, tenantId);
  const wanted: Target[] = [];
  for (const plane of planes) {
    const existing = live.find((target) => target.planeName === plane.name);
    wanted.push(existing ?? (await newTarget(change, tenantId, plane, wish)));
  }
  const isMore = wanted.some((target) => !live.some(({ targetId }) => targetId === target.targetId));
  if (isMore) await refuseOverQuota(change, tenantId);
  return wanted;
}

/** What is new is there already, in this change, so nothing more is wanted of the quotas than there is. */
async function refuseOverQuota(change: Change, tenantId: string): Promise<void> {
  for (const quota of ["targets", "computeUnits"] as const) {
    await quotaCheck(change.db, tenantId, quota, 0, change.now);
  }
}

async function newTarget(
  change: Change,
  tenantId: string,
  plane: Plane,
  { release, requestedState, chosen }: NewTargets,
): Promise<Target> {
  const generation = await nextGeneration(change, tenantId, plane.planeId);
  const target = await targetCreate(change, {
    tenantId,
    plane,
    generation,
    projectName: projectName(tenantId),
    stackName: stackName(plane.name, generation),
    targetReleaseNumber: release?.number ?? null,
    requestedState,
  });
  await placeTenant(change, await tenantGet(change.db, tenantId), target, plane, chosen);
  return target;
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
export function isToStay(target: Target): boolean {
  return target.requestedState !== "absent";
}

export interface ChosenTargets {
  readonly chosen: Target[];
  /** All that the tenant has. */
  readonly whole: boolean;
}

export async function liveTargets(
  change: Change,
  tenantId: string,
  planes: readonly string[] | undefined,
  options: { readonly toEnd?: boolean } = {},
): Promise<ChosenTargets> {
  const all = await targetsOfTenant(change.db, tenantId);
  const live = options.toEnd === true ? all : all.filter(isToStay);
  const unknown = planes?.find((name) => !live.some((target) => target.planeName === name));
  if (unknown !== undefined) throw targetMissing(live, unknown);
  const chosen = live.filter((target) => planes === undefined || planes.includes(target.planeName));
  if (chosen.length === 0 && options.toEnd !== true) throw targetMissing(live, undefined);
  return { chosen, whole: chosen.length === live.length };
}

export function targetMissing(live: readonly Target[], plane: string | undefined): ProblemError {
  const names = live.map((target) => target.planeName).join(", ") || "none";
  return new ProblemError("target_missing", {
    detail: `Cannot go on: the tenant must have a target${plane === undefined ? "" : ` on ${plane}`}; it has ${names}.`,
    hint: "Name planes where the tenant is, or activate it first.",
    errors: [
      { path: "body.planes", message: "names no target of the tenant", ...(plane && { value: plane }) },
    ],
  });
}

/**
 * Archiving that was cut off on one of several targets has moved that one's data: until it is archived wholly and restored,
 * nothing else may be done with it.
 */
export function refuseArchiving(targets: readonly Target[], action: string): void {
  const moved = targets.find((target) => target.requestedState === "archived");
  if (moved === undefined) return;
  throw new ProblemError("illegal_transition", {
    detail: `Cannot ${action}: every target's data must be in place, but on ${moved.planeName} it is in the archive or on its way there.`,
    hint: "Archive the tenant again, or retry the operation that failed; then restore it.",
    errors: [{ path: "target.requestedState", message: `does not allow ${action}`, value: "archived" }],
    legalTransitions: [
      { action: "archive", to: "archived" },
      { action: "decommission", to: "decommissioning" },
    ],
  });
}
