import type { OperationId } from "../../contract/routes.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { ENVIRONMENTS, type EnvironmentName } from "../../contract/vocabulary.ts";
import { type PlanBinding, planBind, planOf } from "../../registry/planBinding.ts";
import { tenantQuotas } from "../../registry/quota.ts";
import type { Reader } from "../../registry/registry.ts";
import { planePlaces } from "../../registry/residency.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet, tenantVersionGet } from "../../registry/tenant.ts";
import { windowsOf } from "../../registry/window.ts";
import type { PlacedTenant } from "../placement/decide.ts";
import { planesChosen } from "../placement/placeTenant.ts";
import { windowAt } from "../windows/evaluate.ts";
import type { NewTenant, PolicyFacts } from "./facts.ts";
import { enabled, exceededBy, isDowngrade, unitsOf } from "./planDifference.ts";
import type { PolicyContext, PolicyPrincipal, PolicyQuery, PolicyTenant } from "./query.ts";

/**
 * Makes a question complete: reads the tenant, its targets, its plan and its windows, so that deciding needs nothing but the query.
 * A handful of indexed reads, each of one tenant; what a tenant has used is read only where its plan would change.
 */
export interface Question {
  readonly principal: PolicyPrincipal;
  readonly action: OperationId;
  readonly tenantId: string | undefined;
  readonly facts: PolicyFacts;
  readonly now: Date;
}

/** Of a tenant that is not there yet. */
export const NEW_TENANT_ID = "new";

/** What was read, besides the query, for whoever has to say more about it. */
export interface Gathered {
  readonly query: PolicyQuery;
  readonly tenant: Tenant | null;
}

/** Throws tenant_not_found, unknown_plan and what else says that there is nothing to decide on. */
export async function gather(db: Reader, question: Question): Promise<Gathered> {
  const { tenantId, facts } = question;
  if (tenantId === undefined) return { query: await withoutTenant(db, question), tenant: null };
  const tenant = await tenantGet(db, tenantId);
  const targets = await targetsOfTenant(db, tenantId);
  const wish = facts.recordVersion === undefined ? facts : await restored(db, tenantId, facts);
  const subject = { tenant, targets, facts: wish };
  return { query: await ofTenant(db, question, subject), tenant };
}

interface Subject {
  readonly tenant: Tenant;
  readonly targets: readonly Target[];
  readonly facts: PolicyFacts;
}

async function ofTenant(
  db: Reader,
  { principal, action, now }: Question,
  { tenant, targets, facts }: Subject,
): Promise<PolicyQuery> {
  const live = targets.filter(({ requestedState }) => requestedState !== "absent");
  const named = facts.planes ?? planesMeant(action, tenant, live);
  const wish = { isolation: facts.isolation ?? tenant.isolation, regions: regionsOf(tenant, facts) };
  const planes = await planesOrChosen(db, action, named, { ...tenant, ...wish });
  const places = await placesOf(db, [...new Set([...planes, ...tenant.planes])]);
  const meant = places.filter(({ name }) => planes.includes(name));
  const own = places.filter(({ name }) => tenant.planes.includes(name));
  const binding = await planBind(db, tenant, facts);
  const wanted = {
    plan: binding.plan,
    isolation: facts.isolation ?? tenant.isolation,
    allowedRegions: facts.regions ?? tenant.regions.allowed,
    planes,
    regions: unique(meant.map(({ region }) => region)),
    environments: facts.environments ?? unique(meant.map(({ environment }) => environment)),
  };
  const concerned = live.filter(({ planeName, currentReleaseNumber }) => {
    return currentReleaseNumber !== null && (facts.planes?.includes(planeName) ?? true);
  });
  return {
    ...{ principal, action, now },
    tenant: attributesOf(tenant, {
      regions: unique(live.map(({ region }) => region)),
      environments: unique([...live, ...own].map(({ environment }) => environment)),
    }),
    facts: {
      ...stated(facts),
      changes: changesOf(tenant, binding, facts),
      wanted,
      ...(await planFacts(db, { tenant, targets: live, binding, isolation: wanted.isolation, now })),
      window: await windowOf(db, concerned, now),
    },
  };
}

/** A request that names no planes is about those that the tenant is on, or is wanted on while it is nowhere. */
function planesMeant(action: OperationId, tenant: Tenant, live: readonly Target[]): readonly string[] {
  if (action === "tenantActivate" || live.length === 0) return tenant.planes;
  return live.map(({ planeName }) => planeName);
}

function regionsOf({ regions }: Tenant, facts: PolicyFacts): Tenant["regions"] {
  return { ...regions, allowed: [...(facts.regions ?? regions.allowed)] };
}

/** What is to run and names no plane, nor is anywhere, is about the plane that would be chosen for it. */
async function planesOrChosen(
  db: Reader,
  action: OperationId,
  named: readonly string[],
  tenant: PlacedTenant,
): Promise<readonly string[]> {
  const isToRun = action === "tenantActivate" || action === "tenantDeploy";
  return isToRun && named.length === 0 ? planesChosen(db, tenant) : named;
}

async function withoutTenant(db: Reader, { principal, action, facts, now }: Question): Promise<PolicyQuery> {
  const { newTenant } = facts;
  const named = facts.planes ?? newTenant?.planes ?? [];
  const planes =
    newTenant === undefined
      ? named
      : await planesOrChosen(db, action, named, { ...newTenant, tenantId: NEW_TENANT_ID });
  const places = await placesOf(db, planes);
  const binding =
    newTenant === undefined ? undefined : await planBind(db, undefined, planWishOf(newTenant, facts));
  const environments = unique(places.map(({ environment }) => environment));
  return {
    ...{ principal, action, now },
    tenant: newTenant === undefined ? null : attributesOf(draftOf(newTenant), { regions: [], environments }),
    facts: {
      ...stated(facts),
      changes: [],
      wanted: {
        plan: binding?.plan ?? facts.plan ?? "",
        isolation: newTenant?.isolation ?? facts.isolation ?? "",
        allowedRegions: newTenant?.regions.allowed ?? facts.regions ?? [],
        planes,
        regions: unique(places.map(({ region }) => region)),
        environments: facts.environments ?? environments,
      },
      plan: binding === undefined ? { key: "", isolation: [], features: [] } : await offerOf(db, binding),
      downgrade: false,
      exceeded: [],
      window: { open: true, why: "" },
    },
  };
}

function planWishOf(newTenant: NewTenant, facts: PolicyFacts) {
  return { plan: newTenant.plan, planVersion: newTenant.planVersion ?? facts.planVersion };
}

function draftOf({ slug, plan, isolation, regions, labels, dataClassification }: NewTenant) {
  const draft = { tenantId: NEW_TENANT_ID, status: "draft", managedBy: "api", legalHold: null } as const;
  return { ...draft, slug, plan, isolation, regions, labels, dataClassification };
}

type Described = Pick<
  Tenant,
  | "tenantId"
  | "slug"
  | "status"
  | "plan"
  | "isolation"
  | "regions"
  | "labels"
  | "dataClassification"
  | "managedBy"
  | "legalHold"
>;

function attributesOf(
  tenant: Described,
  places: Pick<PolicyTenant, "regions" | "environments">,
): PolicyTenant {
  const { tenantId, slug, status, plan, isolation, labels, dataClassification, managedBy } = tenant;
  return {
    ...{ tenantId, slug, status, plan, isolation, labels, dataClassification, managedBy },
    allowedRegions: tenant.regions.allowed,
    preferredRegions: tenant.regions.preferred,
    legalHold: tenant.legalHold !== null,
    ...places,
  };
}

function stated(facts: PolicyFacts): Pick<PolicyContext, "reason" | "emergency" | "immediately" | "release"> {
  return {
    reason: facts.reason?.trim() ?? "",
    emergency: facts.emergency ?? false,
    immediately: facts.immediately ?? false,
    release: facts.release ?? null,
  };
}

function changesOf(tenant: Tenant, binding: PlanBinding, facts: PolicyFacts): string[] {
  const { isolation, regions, planes } = facts;
  const differs = (wish: readonly string[], now: readonly string[]) => wish.join() !== now.join();
  return [
    ...(binding.plan !== tenant.plan || binding.planVersion !== tenant.planVersion ? ["plan"] : []),
    ...(isolation !== undefined && isolation !== tenant.isolation ? ["isolation"] : []),
    ...(regions !== undefined && differs(regions, tenant.regions.allowed) ? ["regions"] : []),
    ...(planes !== undefined && differs(planes, tenant.planes) ? ["planes"] : []),
  ];
}

/** The metadata of an earlier version is what the request wishes for. */
async function restored(db: Reader, tenantId: string, facts: PolicyFacts): Promise<PolicyFacts> {
  const { tenant } = await tenantVersionGet(db, tenantId, facts.recordVersion ?? 0);
  const { plan, planVersion, regions, planes } = tenant;
  return { ...facts, plan, planVersion, regions: regions.allowed, planes };
}

interface PlanQuestion {
  readonly tenant: Tenant;
  readonly targets: readonly Target[];
  readonly binding: PlanBinding;
  readonly isolation: Tenant["isolation"];
  readonly now: Date;
}

async function planFacts(
  db: Reader,
  { tenant, targets, binding, isolation, now }: PlanQuestion,
): Promise<Pick<PolicyContext, "plan" | "downgrade" | "exceeded">> {
  const to = await planOf(db, binding);
  const plan = { key: to.plan, isolation: to.isolation, features: enabled(to) };
  if (binding.plan === tenant.plan && binding.planVersion === tenant.planVersion)
    return { plan, downgrade: false, exceeded: [] };
  const from = await planOf(db, tenant);
  const states = await tenantQuotas(db, tenant.tenantId, now.toISOString());
  const quotas = states.map(({ quota, used, source }) => ({
    quota,
    // What its services take follows the plan.
    used: quota === "computeUnits" ? targets.length * unitsOf(to) : used,
    isOverridden: source === "override",
  }));
  return { plan, downgrade: isDowngrade(from, to), exceeded: exceededBy(to, { isolation, quotas }) };
}

async function offerOf(db: Reader, binding: PlanBinding): Promise<PolicyContext["plan"]> {
  const plan = await planOf(db, binding);
  return { key: plan.plan, isolation: plan.isolation, features: enabled(plan) };
}

async function windowOf(
  db: Reader,
  targets: readonly Target[],
  now: Date,
): Promise<{ open: boolean; why: string }> {
  if (targets.length === 0) return { open: true, why: "" };
  const rules = await windowsOf(db, targets);
  for (const { targetId } of targets) {
    const answer = windowAt(rules.get(targetId) ?? [], now);
    if (!answer.open) return { open: false, why: answer.why };
  }
  return { open: true, why: "" };
}

interface Place {
  readonly name: string;
  readonly environment: EnvironmentName;
  readonly region: string;
}

/** A plane that is not recorded yet lies where its name says. */
async function placesOf(db: Reader, names: readonly string[]): Promise<Place[]> {
  const recorded = await planePlaces(db, names);
  const rest = names.filter((name) => !recorded.some((place) => place.name === name));
  return [...recorded, ...rest.flatMap(placeNamed)];
}

function placeNamed(name: string): Place[] {
  const environment = ENVIRONMENTS.find((one) => name.startsWith(`${one}-`));
  if (environment === undefined) return [];
  const region = name.slice(environment.length + 1).replace(/-[0-9a-f]{8}$/, "");
  return [{ name, environment, region }];
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
