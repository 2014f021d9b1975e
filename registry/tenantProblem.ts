import { ProblemError } from "../contract/errors.ts";
import { requireTransition } from "../contract/lifecycle.ts";
import type { Tenant } from "../contract/tenant.ts";

/** What can be wrong with a change of a tenant's record, in words. */

export function tenantNotFound(tenantId: string): ProblemError {
  return new ProblemError("tenant_not_found", {
    detail: `Cannot find a tenant with the id ${tenantId}.`,
    hint: "List tenants with GET /v1/control-plane/tenants?slugPrefix=… to find its id.",
    errors: [{ path: "path.tenantId", message: "is no tenant's id", value: tenantId }],
  });
}

export function duplicateSlug(slug: string, cause?: unknown): ProblemError {
  return new ProblemError("duplicate_slug", {
    detail: `Cannot create the tenant: its slug must be free, but another tenant has ${slug}.`,
    hint: "Choose another slug; it becomes free again when that tenant is deleted.",
    errors: [{ path: "body.slug", message: "is taken", value: slug }],
    cause,
  });
}

export function refuseStale(tenant: Tenant, expectedVersion: number | undefined): void {
  if (expectedVersion === undefined || expectedVersion === tenant.recordVersion) return;
  throw versionConflict(tenant, expectedVersion);
}

export function versionConflict(tenant: Tenant, expectedVersion: number): ProblemError {
  return new ProblemError("version_conflict", {
    detail: `Cannot change the tenant: its record must be at version ${expectedVersion}, but is at ${tenant.recordVersion}.`,
    hint: "Get the tenant again, look at what has changed, and send its recordVersion as If-Match.",
    errors: [{ path: "header.if-match", message: `is not ${tenant.recordVersion}`, value: expectedVersion }],
  });
}

/** The same of what belongs to a tenant and has versions of its own; one that is not there yet has version 0. */
export function refuseOtherVersion(
  what: string,
  { recordVersion }: { readonly recordVersion: number },
  expected: number | undefined,
): void {
  if (expected === undefined || expected === recordVersion) return;
  throw new ProblemError("version_conflict", {
    detail: `Cannot change the ${what}: its record must be at version ${expected}, but is at ${recordVersion}.`,
    hint: `Get the ${what} again, look at what has changed, and send its recordVersion as If-Match.`,
    errors: [{ path: "header.if-match", message: `is not ${recordVersion}`, value: expected }],
  });
}

/** The record of a tenant that is going or gone is closed. */
export function refuseGone(tenant: Tenant): void {
  requireTransition(tenant.status, "update");
}

/** Of what is kept of a tenant that is deleted, and is not given out any more. */
export function refuseDeleted(tenantId: string, deletedAt: string | null): void {
  if (deletedAt === null) return;
  throw new ProblemError("tenant_deleted", {
    detail: `Cannot answer: tenant ${tenantId} must not be deleted, and was at ${deletedAt}.`,
    hint: "It does not come back: stop serving it, and stop asking.",
  });
}

export function versionNotFound(tenant: Tenant, recordVersion: number): ProblemError {
  return new ProblemError("tenant_version_not_found", {
    detail: `Cannot find the version: the tenant has versions 1 to ${tenant.recordVersion}, got ${recordVersion}.`,
    hint: `List them with GET /v1/control-plane/tenants/${tenant.tenantId}/versions.`,
    errors: [{ path: "path.recordVersion", message: "is no version of this tenant", value: recordVersion }],
  });
}
