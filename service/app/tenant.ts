import type { Page, PageRequest } from "../../contract/common.ts";
import type { Target } from "../../contract/target.ts";
import type {
  Tenant,
  TenantCreate,
  TenantListQuery,
  TenantPatch,
  TenantVersion,
} from "../../contract/tenant.ts";
import type { Change } from "../../registry/registry.ts";
import { targetList as registryTargetList } from "../../registry/target.ts";
import * as registry from "../../registry/tenant.ts";
import { tenantList as registryTenantList } from "../../registry/tenantList.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { refuseManaged } from "./managed.ts";

/** A tenant's record. What it does to the cloud is in tenantLifecycle.ts. */

export async function tenantCreate(context: RequestContext, input: TenantCreate): Promise<Tenant> {
  await authorize(context, "tenantCreate", undefined, { newTenant: input });
  return changeAs(context, (change) => registry.tenantCreate(change, input));
}

export async function tenantList(context: RequestContext, query: TenantListQuery): Promise<Page<Tenant>> {
  await authorize(context, "tenantList");
  return context.registry.read((db) => registryTenantList(db, query));
}

export async function tenantGet(context: RequestContext, tenantId: string): Promise<Tenant> {
  await authorize(context, "tenantGet", tenantId);
  return context.registry.read((db) => registry.tenantGet(db, tenantId));
}

export async function tenantUpdate(
  context: RequestContext,
  tenantId: string,
  { reason, ...update }: TenantPatch,
  expectedVersion: number | undefined,
): Promise<Tenant> {
  await authorize(context, "tenantUpdate", tenantId);
  const updating = async (change: Change) => {
    const before = await registry.tenantGet(change.db, tenantId);
    await refuseManaged(context, change, before, { what: "change" });
    return registry.tenantUpdate(change, tenantId, update, { expectedVersion, reason });
  };
  return changeAs(context, updating, { tenantId });
}

export async function tenantVersionList(
  context: RequestContext,
  tenantId: string,
  page: PageRequest,
): Promise<Page<TenantVersion>> {
  await authorize(context, "tenantVersionList", tenantId);
  return context.registry.read((db) => registry.tenantVersionList(db, tenantId, page));
}

export async function tenantVersionGet(
  context: RequestContext,
  tenantId: string,
  recordVersion: number,
): Promise<TenantVersion> {
  await authorize(context, "tenantVersionGet", tenantId);
  return context.registry.read((db) => registry.tenantVersionGet(db, tenantId, recordVersion));
}

export async function tenantVersionRestore(
  context: RequestContext,
  tenantId: string,
  version: { readonly recordVersion: number; readonly reason: string },
  expectedVersion: number | undefined,
): Promise<Tenant> {
  await authorize(context, "tenantVersionRestore", tenantId);
  const { recordVersion, reason } = version;
  const restoring = async (change: Change) => {
    const before = await registry.tenantGet(change.db, tenantId);
    await refuseManaged(context, change, before, { what: "restore a version of" });
    return registry.tenantVersionRestore(change, tenantId, recordVersion, { expectedVersion, reason });
  };
  return changeAs(context, restoring, { tenantId });
}

export async function targetList(
  context: RequestContext,
  tenantId: string,
  page: PageRequest,
): Promise<Page<Target>> {
  await authorize(context, "targetList", tenantId);
  return context.registry.read(async (db) => {
    await registry.tenantGet(db, tenantId);
    return registryTargetList(db, tenantId, page);
  });
}
