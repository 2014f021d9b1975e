import type { Preflight } from "../../contract/preflight.ts";
import type { PlanKey } from "../../contract/vocabulary.ts";
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
  const plane = await context.registry.read((db) => planeGet(db, planeName));
  return preflight(context, plane, query);
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
  const { plan, isolation } = tenant;
  const wish = { tenants: 1, plan, needs: needsOfTenants(1, plan, isolation) };
  return { items: await Promise.all(planes.map((plane) => preflight(context, plane, wish))) };
}
