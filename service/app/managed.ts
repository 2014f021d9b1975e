import { ProblemError } from "../../contract/errors.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { TenantStatus } from "../../contract/vocabulary.ts";
import { manifestFind, manifestHold } from "../../registry/manifest.ts";
import type { Change } from "../../registry/registry.ts";
import type { RequestContext } from "./context.ts";

/** What is asked of a tenant besides its manifest. */
export interface Edit {
  /** In the error and the audit trail, such as `suspend`. */
  readonly what: string;
  /** Where a lifecycle request leads: one that leads where the manifest says is no contradiction. */
  readonly goal?: TenantStatus;
  readonly releaseNumber?: number | undefined;
  readonly planes?: readonly string[] | undefined;
}

/** The header that forces an edit past the manifest; its value is the reason. */
export const FORCE_HEADER = "x-tenantry-force-reason";

/**
 * Inside the change of every edit: a tenant that a manifest manages refuses what its manifest does not say, unless forced
 * with a reason. The force is audited, and the reconcile loop leaves the tenant alone until its manifest is applied
 * again; else it would undo at once what somebody had reason to do. Decommissioning is not asked: no manifest can say it.
 */
export async function refuseManaged(
  context: RequestContext,
  change: Change,
  tenant: Tenant,
  edit: Edit,
): Promise<void> {
  if (tenant.managedBy !== "manifest" || context.principal.kind === "system") return;
  const applied = await manifestFind(change.db, tenant.tenantId);
  if (applied === undefined || agrees(applied.manifest.spec, edit)) return;
  if (context.forceReason !== undefined) {
    return manifestHold(change, tenant.tenantId, edit.what, context.forceReason);
  }
  const where = applied.file === null ? "its manifest" : `its manifest (${applied.file})`;
  throw new ProblemError("managed_by_manifest", {
    detail: `Cannot ${edit.what} ${tenant.slug}: it is managed by a manifest, and ${where} does not say so.`,
    hint:
      "Change the manifest and apply it; or send the header X-Tenantry-Force-Reason with a reason, which is audited and " +
      "holds until the next apply; or end its management with POST /v1/control-plane/manifests/tenants/<slug>/release.",
    errors: [{ path: "tenant.managedBy", message: "is manifest", value: applied.digest }],
  });
}

type Spec = NonNullable<Awaited<ReturnType<typeof manifestFind>>>["manifest"]["spec"];

function agrees(spec: Spec, { goal, releaseNumber, planes }: Edit): boolean {
  if (goal === undefined || goal !== spec.state) return false;
  const pinned = spec.release !== null;
  if (pinned && releaseNumber !== undefined && spec.release !== releaseNumber) return false;
  return planes === undefined || planes.every((name) => spec.planes.includes(name));
}
