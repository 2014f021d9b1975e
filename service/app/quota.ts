import type { QuotaAnswer, QuotaKey, QuotaState } from "../../contract/quota.ts";
import * as registry from "../../registry/quota.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

export async function tenantQuotas(
  context: RequestContext,
  tenantId: string,
): Promise<{ tenantId: string; items: QuotaState[] }> {
  await authorize(context, "tenantQuotas", tenantId);
  const now = new Date().toISOString();
  const items = await context.registry.read((db) => registry.tenantQuotas(db, tenantId, now));
  return { tenantId, items };
}

export async function quotaCheck(
  context: RequestContext,
  { tenantId, quota }: { readonly tenantId: string; readonly quota: QuotaKey },
  wanted: number,
): Promise<QuotaAnswer> {
  await authorize(context, "quotaCheck", tenantId);
  const now = new Date().toISOString();
  return context.registry.read((db) => registry.quotaAsk(db, tenantId, quota, wanted, now));
}
