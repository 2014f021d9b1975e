import type { Page, PageRequest } from "../../contract/common.ts";
import type { Placement } from "../../contract/placement.ts";
import * as registry from "../../registry/placement.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

/** Where a tenant was put and why. Placing it is part of its lifecycle. */
export async function placementList(
  context: RequestContext,
  tenantId: string,
  page: PageRequest,
): Promise<Page<Placement>> {
  await authorize(context, "placementList", tenantId);
  return context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    return registry.placementList(db, tenantId, page);
  });
}
