import { API_KEY_ROLES, type ApiKeyRole } from "../../contract/vocabulary.ts";
import { groupsOf } from "./actions.ts";
import type { CedarRequest } from "./cedar.ts";
import type { PolicyContext, PolicyPrincipal, PolicyQuery, PolicyTenant } from "./query.ts";
import { NAMESPACE } from "./schema.ts";

/** A query as Cedar takes it, with the entities it speaks of. Pure; its tests hold it to the schema for every action. */
export function requestOf({ principal, action, tenant, facts, now }: PolicyQuery): CedarRequest {
  const key = entity("Key", principal.id);
  const act = entity("Action", action);
  const fleet = entity("Fleet", "fleet");
  const resource = tenant === null ? fleet : entity("Tenant", tenant.tenantId);
  return {
    principal: key,
    action: act,
    resource,
    context: contextOf(facts, now),
    entities: [
      { uid: key, attrs: keyAttributes(principal), parents: rolesOf(principal.role) },
      // All groups at once, inner and outer: the hierarchy is then one step deep.
      { uid: act, attrs: {}, parents: groupsOf(action).map((group) => entity("Action", group)) },
      ...(tenant === null
        ? []
        : [{ uid: resource, attrs: tenantAttributes(tenant), parents: [fleet], tags: { ...tenant.labels } }]),
    ],
  };
}

function entity(type: string, id: string) {
  return { type: `${NAMESPACE}::${type}`, id };
}

/** The role itself and the lesser ones, whose rights it has. */
function rolesOf(role: ApiKeyRole | null) {
  const covered = role === null ? [] : API_KEY_ROLES.slice(0, API_KEY_ROLES.indexOf(role) + 1);
  return covered.map((name) => entity("Role", name));
}

function keyAttributes({ name, role, environments = null }: PolicyPrincipal) {
  const scope = { allEnvironments: environments === null, environments: [...(environments ?? [])] };
  return { name, role: role ?? "", ...scope };
}

function tenantAttributes({ tenantId: _id, labels: _tags, ...tenant }: PolicyTenant) {
  const { allowedRegions, preferredRegions, regions, environments, ...plain } = tenant;
  return {
    ...plain,
    allowedRegions: [...allowedRegions],
    preferredRegions: [...preferredRegions],
    regions: [...regions],
    environments: [...environments],
  };
}

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;

function contextOf({ release, wanted, plan, ...facts }: PolicyContext, now: Date): CedarRequest["context"] {
  const iso = now.toISOString();
  return {
    time: {
      now: { __extn: { fn: "datetime", arg: iso } },
      date: iso.slice(0, 10),
      weekday: WEEKDAYS[now.getUTCDay()] ?? "",
      hour: now.getUTCHours(),
      minute: now.getUTCMinutes(),
    },
    window: { ...facts.window },
    reason: facts.reason,
    emergency: facts.emergency,
    immediately: facts.immediately,
    ...(release === null ? {} : { release }),
    changes: [...facts.changes],
    wanted: {
      plan: wanted.plan,
      isolation: wanted.isolation,
      allowedRegions: [...wanted.allowedRegions],
      planes: [...wanted.planes],
      regions: [...wanted.regions],
      environments: [...wanted.environments],
    },
    plan: { key: plan.key, isolation: [...plan.isolation], features: [...plan.features] },
    downgrade: facts.downgrade,
    exceeded: [...facts.exceeded],
  };
}
