import type { Page } from "../../contract/common.ts";
import type { Impact, ImpactQuery } from "../../contract/impact.ts";
import { impactList } from "../../registry/impact.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

export async function impactGet(context: RequestContext, query: ImpactQuery): Promise<Page<Impact>> {
  await authorize(context, "impactGet");
  return context.registry.read((db) => impactList(db, query, new Date().toISOString()));
}
