import { randomUUID } from "node:crypto";
import { ProblemError } from "../../contract/errors.ts";
import { manifestFind } from "../../registry/manifest.ts";
import { operationGet } from "../../registry/operation.ts";
import { planeFind } from "../../registry/plane.ts";
import { type Leadership, leads, repairsSince } from "../../registry/reconcile.ts";
import type { Change, Reader, Registry } from "../../registry/registry.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantArchive, tenantRestore } from "../app/archive.ts";
import type { RequestContext, ServiceContext } from "../app/context.ts";
import { driftRepairAutomatic } from "../app/driftRepair.ts";
import { operationRetry } from "../app/operation.ts";
import { tenantActivate, tenantDeploy, tenantReactivate, tenantSuspend } from "../app/tenantLifecycle.ts";
import { breakerAdmit, openBreakers } from "../breaker/breakers.ts";
import type { Settings } from "../config.ts";
import type { TenantFacts } from "./facts.ts";
import { declarationOf, RECONCILER } from "./readFacts.ts";
import type { ReconcileAction } from "./wishes.ts";

/** What was decided on is no longer so; the next pass decides anew. */
export class StaleFacts extends Error {}

const HOUR_MS = 3_600_000;

/** Ends of a request that say no more than that something else was faster, or that it is not the time yet. */
const OVERTAKEN = new Set([
  "operation_in_progress",
  "illegal_transition",
  "version_conflict",
  "window_closed",
]);

/**
 * Asks for an action the way a person would, in the loop's name. Inside the change that makes the operation it is checked that
 * this process still leads and that nothing of the tenant has changed since it was decided: so two loops, one of which believes
 * itself to lead after its lease has gone, never ask for the same thing twice.
 */
export async function act(
  service: ServiceContext,
  leadership: Leadership,
  facts: TenantFacts,
  action: ReconcileAction,
): Promise<void> {
  const requestId = randomUUID();
  const registry = guarded(service, leadership, facts, action);
  const principal = { kind: "system", ...RECONCILER, role: "fleet_operator" } as const;
  const context: RequestContext = { ...service, registry, principal, requestId, correlationId: requestId };
  try {
    await ask(context, facts.tenant.tenantId, action);
  } catch (thrown) {
    if (thrown instanceof ProblemError && OVERTAKEN.has(thrown.code)) {
      throw new StaleFacts(thrown.message, { cause: thrown });
    }
    throw thrown;
  }
}

async function ask(context: RequestContext, tenantId: string, action: ReconcileAction): Promise<void> {
  const reason = "the reconcile loop brings it to what is declared";
  switch (action.kind) {
    case "activate":
      return void (await tenantActivate(context, tenantId, { ...placed(action), reason }));
    case "deploy":
      return void (await tenantDeploy(context, tenantId, { ...placed(action), reason, force: false }));
    case "suspend":
      return void (await tenantSuspend(context, tenantId, { ...named(action.planes), reason }));
    case "reactivate":
      return void (await tenantReactivate(context, tenantId, { ...named(action.planes), reason }));
    case "archive":
      return void (await tenantArchive(context, tenantId, { reason }));
    case "restore":
      return void (await tenantRestore(context, tenantId, { reason }));
    case "retry":
      return void (await operationRetry(context, action.operationId, { reason }));
    case "drift_repair":
      return void (await driftRepairAutomatic(context, tenantId, action.planes, reason));
  }
}

function named(planes: readonly string[]): { planes?: string[] } {
  return planes.length === 0 ? {} : { planes: [...planes] };
}

function placed(action: { readonly planes: readonly string[]; readonly releaseNumber: number | null }) {
  const { planes, releaseNumber } = action;
  return { ...named(planes), ...(releaseNumber === null ? {} : { releaseNumber }) };
}

function guarded(
  service: ServiceContext,
  leadership: Leadership,
  facts: TenantFacts,
  action: ReconcileAction,
): Registry {
  const { registry, settings } = service;
  return {
    ...registry,
    change: (context, work, scope) =>
      registry.change(
        context,
        async (change) => {
          if (!(await leads(change.db, leadership))) throw new StaleFacts("another process leads");
          if (!(await isAsDecided(change.db, facts))) throw new StaleFacts("the tenant has changed");
          await refuseOverBudget(change, settings, action);
          await refuseBroken(change, settings, facts, action);
          return work(change);
        },
        scope,
      ),
  };
}

/** Whether it is a repair's first try or a later one. */
async function refuseOverBudget(change: Change, settings: Settings, action: ReconcileAction): Promise<void> {
  const since = new Date(Date.parse(change.now) - HOUR_MS).toISOString();
  for (const plane of await planesToRepair(change.db, action)) {
    const done = await repairsSince(change.db, RECONCILER.id, plane, since);
    if (done >= settings.driftRepairsPerHour) throw new StaleFacts("the repairs are used up");
  }
}

async function planesToRepair(db: Reader, action: ReconcileAction): Promise<readonly string[]> {
  if (action.kind === "drift_repair") return action.planes;
  if (action.kind !== "retry") return [];
  const { kind, planeName } = await operationGet(db, action.operationId);
  return kind === "drift_repair" && planeName !== null ? [planeName] : [];
}

/** A repair is put off rather than asked for again and again where engine and cloud keep failing. */
async function refuseBroken(
  change: Change,
  settings: Settings,
  { tenant, targets }: TenantFacts,
  action: ReconcileAction,
): Promise<void> {
  const named = "planes" in action && action.planes.length > 0 ? action.planes : undefined;
  const planes = named ?? [...new Set(targets.map(({ planeName }) => planeName))];
  for (const planeName of planes) {
    const region = (await planeFind(change.db, planeName))?.region ?? "";
    const place = { planeName, region };
    if (await breakerAdmit(change, settings, `reconcile ${tenant.tenantId}`, place)) continue;
    const why = (await openBreakers(change.db)).why(place, change.now) ?? "its circuit breaker is open";
    throw new ProblemError("breaker_open", {
      detail: `Cannot begin on ${planeName}: ${why}.`,
      hint: "Wait until it has closed, or reset it with POST /v1/control-plane/breakers/:scope/reset.",
    });
  }
}

async function isAsDecided(db: Reader, { tenant, targets, declared }: TenantFacts): Promise<boolean> {
  // A manifest may declare another state or release without a change of the record.
  const applied = declared && declarationOf(await manifestFind(db, tenant.tenantId));
  if (applied !== declared?.declaration) return false;
  const now = await tenantGet(db, tenant.tenantId);
  const live = await targetsOfTenant(db, tenant.tenantId);
  const versions = new Map(targets.map(({ targetId, recordVersion }) => [targetId, recordVersion]));
  return (
    now.recordVersion === tenant.recordVersion &&
    live.length === versions.size &&
    live.every(({ targetId, recordVersion }) => versions.get(targetId) === recordVersion)
  );
}
