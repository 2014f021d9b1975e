import type { Change } from "./registry.ts";

/**
 * A deleted tenant's record stays, but not the people behind it, and other systems' ids are free again. Part of the
 * change that deletes it.
 */
export async function tenantForget({ db }: Change, tenantId: string): Promise<void> {
  await db.deleteFrom("tenantContacts").where("tenantId", "=", tenantId).execute();
  await db.deleteFrom("tenantExternalIds").where("tenantId", "=", tenantId).execute();
}
