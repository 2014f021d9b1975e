import type { Preflight } from "../../contract/preflight.ts";
import type { PlanKey } from "../../contract/vocabulary.ts";
import { planGet } from "../../registry/plan.ts";
import { planOf } from "../../registry/planBinding.ts";
import { planeGet } from "../../registry/plane.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { needsOfTenants } from "../preflight/needs.ts";
import { preflight } from "../preflight/preflight.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

export async function planePreflight(
  context: RequestContext,
  planeName: string,
  query: { readonly tenants: number; readonly plan: PlanKey },
): Promise<Preflight> {
  await authorize(context, "planePreflight");
  const { tenants } = query;
  const [plane, plan] = await context.registry.read((db) =>
    Promise.all([planeGet(db, planeName), planGet(db, query.plan)]),
  );
  return preflight(context, plane, { tenants, plan });
}

export async function tenantPreflight(
  context: RequestContext,
  tenantId: string,
  input: { readonly planes?: readonly string[] | undefined },
): Promise<{ items: Preflight[] }> {
  await authorize(context, "tenantPreflight", tenantId);
  const tenant = await context.registry.read((db) => tenantGet(db, tenantId));
  const names = input.planes ?? tenant.planes;
  const planes = await context.registry.read((db) => Promise.all(names.map((name) => planeGet(db, name))));
  const plan = await context.registry.read((db) => planOf(db, tenant));
  const wish = { tenants: 1, plan, needs: needsOfTenants(1, plan, tenant.isolation) };
  return { items: await Promise.all(planes.map((plane) => preflight(context, plane, wish))) };
}
