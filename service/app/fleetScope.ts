import type { Cohort } from "../../contract/cohort.ts";
import { planeGet } from "../../registry/plane.ts";
import type { Reader } from "../../registry/registry.ts";
import { tenantGet } from "../../registry/tenant.ts";

export interface FleetScope {
  readonly planes?: readonly string[] | undefined;
  readonly tenantIds?: readonly string[] | undefined;
}

/** A name that is wrong must not quietly make the part of the fleet smaller. */
export async function requireKnown(db: Reader, scope: FleetScope): Promise<void> {
  for (const plane of scope.planes ?? []) await planeGet(db, plane);
  for (const tenantId of scope.tenantIds ?? []) await tenantGet(db, tenantId);
}

export async function requireKnownCohort(db: Reader, { exclude, ...selector }: Cohort): Promise<void> {
  await requireKnown(db, selector);
  if (exclude !== undefined) await requireKnown(db, exclude);
}
