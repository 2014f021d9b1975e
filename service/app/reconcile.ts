import type { ReconcileQuery, ReconcileStatus } from "../../contract/reconcile.ts";
import { leaderGet, reconcileList } from "../../registry/reconcile.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

/** What the reconcile loop is about, as its last pass found it. */
export async function reconcileStatus(
  context: RequestContext,
  query: ReconcileQuery,
): Promise<ReconcileStatus> {
  await authorize(context, "reconcileStatus", query.tenantId);
  return context.registry.read(async (db) => {
    const page = await reconcileList(db, query);
    const held = await leaderGet(db);
    const leader = held === undefined ? null : { holder: held.holder, expiresAt: held.expiresAt };
    const lastPass = held?.lastPass ?? null;
    return { ...page, mode: context.settings.reconcile, leader, lastPass };
  });
}
