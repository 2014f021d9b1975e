import type { Page, PageRequest } from "../../contract/common.ts";
import type { Release, ReleaseCreate } from "../../contract/release.ts";
import * as registry from "../../registry/release.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

export async function releaseCreate(context: RequestContext, input: ReleaseCreate): Promise<Release> {
  await authorize(context, "releaseCreate");
  return changeAs(context, (change) => registry.releaseCreate(change, input));
}

export async function releaseList(context: RequestContext, page: PageRequest): Promise<Page<Release>> {
  await authorize(context, "releaseList");
  return context.registry.read((db) => registry.releaseList(db, page));
}

export async function releaseGet(context: RequestContext, releaseNumber: number): Promise<Release> {
  await authorize(context, "releaseGet");
  return context.registry.read((db) => registry.releaseGet(db, releaseNumber));
}
