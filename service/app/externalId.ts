import type { Page, PageRequest } from "../../contract/common.ts";
import type { ExternalId, ExternalIdSet } from "../../contract/externalId.ts";
import type { Tenant } from "../../contract/tenant.ts";
import * as registry from "../../registry/externalId.ts";
import { authorize, authorizeRecord } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

type Named = Pick<ExternalId, "tenantId" | "system">;

/** Whoever else sets the same id must wait: the change is not one about this tenant alone. */
export async function externalIdSet(
  context: RequestContext,
  named: Named,
  input: ExternalIdSet,
  expectedVersion: number | undefined,
): Promise<ExternalId> {
  await authorize(context, "externalIdSet", named.tenantId);
  return changeAs(context, (change) => registry.externalIdSet(change, named, input, { expectedVersion }));
}

export async function externalIdRemove(
  context: RequestContext,
  named: Named,
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<undefined> {
  const { tenantId } = named;
  await authorize(context, "externalIdRemove", tenantId);
  const options = { expectedVersion, reason };
  await changeAs(context, (change) => registry.externalIdRemove(change, named, options), { tenantId });
}

export async function externalIdList(
  context: RequestContext,
  tenantId: string,
  page: PageRequest,
): Promise<Page<ExternalId>> {
  await authorize(context, "externalIdList", tenantId);
  return context.registry.read((db) => registry.externalIdList(db, tenantId, page));
}

export async function tenantByExternalId(
  context: RequestContext,
  { system, externalId }: Pick<ExternalId, "system" | "externalId">,
): Promise<Tenant> {
  return authorizeRecord(context, "tenantByExternalId", (db) =>
    registry.tenantByExternalId(db, system, externalId),
  );
}
