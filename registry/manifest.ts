import type { Selectable } from "kysely";
import type { AppliedManifest, Manifest } from "../contract/manifest.ts";
import type { Tenant } from "../contract/tenant.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import type { TenantManifestTable } from "./schema.ts";
import { tenantWrite } from "./tenant.ts";

export interface ManifestKeep {
  readonly manifest: Manifest;
  readonly digest: string;
  readonly file: string | null;
  readonly reason?: string | undefined;
}

/** Keeps the manifest as the tenant's declaration and audits `manifest.applied`; a hold by a forced edit ends with it. */
export async function manifestKeep(change: Change, tenant: Tenant, applied: ManifestKeep): Promise<void> {
  const { manifest, digest, file, reason } = applied;
  const before = await manifestFind(change.db, tenant.tenantId);
  const row = {
    tenantId: tenant.tenantId,
    digest,
    manifest: toJson(manifest),
    file,
    appliedBy: change.context.actor.id,
    appliedAt: change.now,
    heldReason: null,
    heldBy: null,
    heldAt: null,
  };
  await change.db
    .insertInto("tenantManifests")
    .values(row)
    .onConflict((conflict) => conflict.column("tenantId").doUpdateSet(row))
    .execute();
  const { state, release } = manifest.spec;
  const held = before === undefined || before.heldAt === null ? {} : { endedHold: before.heldReason };
  await change.audit({
    action: "manifest.applied",
    target: { type: "tenant", id: tenant.tenantId },
    tenantId: tenant.tenantId,
    reason: reason ?? null,
    details: { digest, previousDigest: before?.digest ?? null, file, state, release, ...held },
  });
  const { tenantId, slug } = tenant;
  await change.outbox({ type: "manifest.applied", tenantId, payload: { tenantId, slug, digest } });
}

/** A forced edit: audits `manifest.forced`, and the reconcile loop leaves the tenant alone until the next apply. */
export async function manifestHold(
  change: Change,
  tenantId: string,
  what: string,
  reason: string,
): Promise<void> {
  await change.db
    .updateTable("tenantManifests")
    .set({ heldReason: reason, heldBy: change.context.actor.id, heldAt: change.now })
    .where("tenantId", "=", tenantId)
    .execute();
  await change.audit({
    action: "manifest.forced",
    target: { type: "tenant", id: tenantId },
    tenantId,
    reason,
    details: { what },
  });
}

/** Forgets the manifest and lets the API change the record again; audits `manifest.released`. */
export async function manifestForget(change: Change, tenant: Tenant, reason: string): Promise<Tenant> {
  await change.db.deleteFrom("tenantManifests").where("tenantId", "=", tenant.tenantId).execute();
  return tenantWrite(change, tenant, { ...tenant, managedBy: "api" }, "manifest.released", reason);
}

export async function manifestFind(db: Reader, tenantId: string): Promise<AppliedManifest | undefined> {
  const row = await db
    .selectFrom("tenantManifests")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .executeTakeFirst();
  return row && fromRow(row);
}

export async function manifestsOf(
  db: Reader,
  tenantIds: readonly string[],
): Promise<Map<string, AppliedManifest>> {
  if (tenantIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("tenantManifests")
    .selectAll()
    .where("tenantId", "in", [...tenantIds])
    .execute();
  return new Map(rows.map((row) => [row.tenantId, fromRow(row)]));
}

function fromRow(row: Selectable<TenantManifestTable>): AppliedManifest {
  return { ...row, manifest: fromJson(row.manifest) };
}
