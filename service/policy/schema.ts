import { OPERATION_IDS } from "../../contract/routes.ts";
import { ACTION_GROUPS, groupsOf, isOnTenant } from "./actions.ts";

/**
 * What a policy may speak of, in Cedar's schema language. A set of policies that names anything else (an attribute with a slip of
 * the pen, an operation that is not there) is refused when it is read, not when it is needed. The types are written here;
 * the actions come from the contract. policies/tenantry.cedarschema is the same text for authors' tools.
 */
export const NAMESPACE = "Tenantry";

const TYPES = `
  // Whose key it is. In the role that it has and in every lesser one.
  entity Role;
  entity Key in [Role] = {
    name: String,
    role: String,
    allEnvironments: Bool,
    environments: Set<String>,
  };

  // What is asked of no tenant in particular is asked of Fleet::"fleet".
  entity Fleet;

  // As it is now; of a tenant that is to be created, as it would be. Its labels are tags.
  entity Tenant in [Fleet] = {
    slug: String,
    status: String,
    plan: String,
    isolation: String,
    allowedRegions: Set<String>,
    preferredRegions: Set<String>,
    // Where it has targets, and the environments of those and of the planes that its record names.
    regions: Set<String>,
    environments: Set<String>,
    dataClassification: String,
    managedBy: String,
    legalHold: Bool,
  } tags String;

  // UTC.
  type Time = {
    now: datetime,
    date: String,
    weekday: String,
    hour: Long,
    minute: Long,
  };

  // Whether changes of the running targets that the request is about may start now.
  type Window = {
    open: Bool,
    why: String,
  };

  // What the plan gives that the tenant would have.
  type Plan = {
    key: String,
    isolation: Set<String>,
    features: Set<String>,
  };

  // As it would be after the request: what the request does not name is as it is. Empty for the fleet.
  type Wanted = {
    plan: String,
    isolation: String,
    allowedRegions: Set<String>,
    // Of the planes that the request is about.
    planes: Set<String>,
    regions: Set<String>,
    environments: Set<String>,
  };

  type Facts = {
    time: Time,
    window: Window,
    // As the caller wrote it; empty without one.
    reason: String,
    emergency: Bool,
    immediately: Bool,
    release?: Long,
    // Which of plan, isolation, regions and planes would change.
    changes: Set<String>,
    wanted: Wanted,
    plan: Plan,
    // The plan would give less of something, and what the tenant uses more of than it would give.
    downgrade: Bool,
    exceeded: Set<String>,
  };
`;

export function cedarSchema(): string {
  const groups = ACTION_GROUPS.map((group) =>
    group === "read" || group === "mutate" ? `  action "${group}";` : `  action "${group}" in ["mutate"];`,
  );
  const actions = OPERATION_IDS.map((action) => {
    // Of nested groups the inner ones suffice.
    const [first, ...inner] = groupsOf(action);
    const parents = (inner.length > 0 ? inner : [first]).map((group) => `"${group}"`).join(", ");
    const resources = isOnTenant(action) ? "[Tenant]" : "[Tenant, Fleet]";
    return `  action "${action}" in [${parents}] appliesTo { principal: [Key], resource: ${resources}, context: Facts };`;
  });
  return `namespace ${NAMESPACE} {${TYPES}\n${[...groups, ...actions].join("\n")}\n}\n`;
}

/** For authors' own tools, as policies/tenantry.cedarschema. */
export function schemaFile(): string {
  return `// Made by npm run contract; do not edit.\n${cedarSchema()}`;
}
