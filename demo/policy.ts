import { join } from "node:path";
import Database from "better-sqlite3";
import type { PolicyEvaluation } from "../contract/policy.ts";
import type { Tenant } from "../contract/tenant.ts";
import { type Api, ApiRefusal } from "./api.ts";
import { check, dim, line, step } from "./terminal.ts";

/** A region where nothing of the tenant is. */
const ELSEWHERE = "ap-southeast-2";
const SMALLER = "starter";

/**
 * Somebody would take from a tenant what it has, without a word, and move where its data may lie. The judge is the registry's file:
 * what was refused must have changed nothing, and must be in the tenant's audit chain. Gives back how many denials
 * that chain has got.
 */
export async function denyByPolicy(api: Api, dataDir: string, tenant: Tenant): Promise<number> {
  step(
    `Try to put ${tenant.slug} on a smaller plan, without a reason`,
    "policies decide before anything is done; a denial says why and what to change",
  );
  const at = `/tenants/${tenant.tenantId}`;
  const change = { plan: SMALLER };
  const asked = await api.call<PolicyEvaluation>("POST", "/policy/evaluations", {
    ...{ principal: { role: "fleet_admin" }, action: "tenantUpdate", tenantId: tenant.tenantId },
    facts: change,
  });
  check(asked.decision === "deny", `asked beforehand, the policies say no: ${asked.policies.join(", ")}`);
  const before = recorded(dataDir, tenant.tenantId);
  const refusal = await refusalOf(() => api.call("PATCH", at, change));
  check(
    refusal.status === 403 && refusal.problem.code === "policy_denied",
    `asked for, it is refused with 403 ${refusal.problem.code}`,
    `${refusal.status} ${refusal.problem.code}`,
  );
  for (const { policyId, reason, advice } of refusal.problem.reasons ?? []) {
    line(`${policyId}: ${reason}`);
    if (advice !== null) line(dim(advice));
  }
  const regions = { allowed: [ELSEWHERE], preferred: [] };
  const moved = await refusalOf(() => api.call("PATCH", at, { regions }));
  check(
    moved.problem.code === "region_not_allowed",
    `nor may its data go elsewhere: ${moved.problem.detail}`,
  );
  const after = recorded(dataDir, tenant.tenantId);
  check(after.tenant === before.tenant, "the registry's file has the tenant as it was");
  const denials = after.denials.slice(before.denials.length);
  check(
    denials.includes("access.denied") && denials.includes("security.cross_region_denied"),
    `its audit chain has got ${denials.length} events of it: ${denials.join(", ")}`,
  );
  return denials.length;
}

async function refusalOf(ask: () => Promise<unknown>): Promise<ApiRefusal> {
  try {
    await ask();
  } catch (thrown) {
    if (thrown instanceof ApiRefusal) return thrown;
    throw thrown;
  }
  throw new Error("Cannot go on: the change must be refused, and was made");
}

function recorded(dataDir: string, tenantId: string): { tenant: string; denials: string[] } {
  const db = new Database(join(dataDir, "registry.sqlite"), { readonly: true });
  try {
    const tenant = JSON.stringify(db.prepare("SELECT * FROM tenants WHERE tenant_id = ?").get(tenantId));
    const denials = db
      .prepare("SELECT action FROM audit_events WHERE chain = ? AND outcome = 'denied' ORDER BY sequence")
      .pluck()
      .all(tenantId) as string[];
    return { tenant, denials };
  } finally {
    db.close();
  }
}
