import { randomUUID } from "node:crypto";
import type { Archive } from "../../contract/archive.ts";
import type { Certificate, CertifiedTarget } from "../../contract/decommission.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { archivesOfTenant } from "../../registry/archive.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { certificateCreate } from "../../registry/certificate.ts";
import { type Decommission, decommissionLive, decommissionUpdate } from "../../registry/decommission.ts";
import type { Change } from "../../registry/registry.ts";
import type { TargetDeletion } from "../../registry/schema.ts";
import { targetDeletions } from "../../registry/target.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { signerOf } from "../signing/signer.ts";

/** The last change of a tenant: nothing of it is left, and the certificate says what was there. */
export async function finishDecommission(
  service: Pick<ServiceContext, "settings">,
  change: Change,
  tenantId: string,
  reason: string | undefined,
): Promise<void> {
  const tenant = await tenantTransitionComplete(change, tenantId, "decommission", reason);
  const decommission = await decommissionLive(change.db, tenantId);
  if (decommission === undefined) return;
  await decommissionUpdate(change, decommission, { state: "done" });
  const targets = await targetDeletions(change.db, tenantId);
  if (targets.length === 0) return;
  const archives = await archivesOfTenant(change.db, tenantId);
  const certificate = certificateOf({ tenant, decommission, targets, archives, now: change.now });
  const body = canonicalJson(certificate);
  const { keyId, publicKey, sign } = signerOf(service.settings);
  await certificateCreate(change, certificate, body, { keyId, publicKey, value: sign(body) });
}

export interface CertificateFacts {
  readonly tenant: Pick<Tenant, "tenantId" | "slug">;
  readonly decommission: Pick<Decommission, "decommissionId" | "reason" | "requestedBy" | "requestedAt">;
  readonly targets: readonly (Pick<
    Target,
    "targetId" | "planeName" | "region" | "projectName" | "stackName"
  > & {
    readonly deletion: TargetDeletion | null;
  })[];
  readonly archives: readonly Archive[];
  readonly now: string;
}

/** What the control plane has to keep to be able to prove anything at all. */
const KEPT = [
  "the tenant's record and its versions, without which its id could be given out again",
  "the audit trail and the journals of its operations",
  "this certificate",
];

export function certificateOf({
  tenant,
  decommission,
  targets,
  archives,
  now,
}: CertificateFacts): Certificate {
  const { tenantId, slug } = tenant;
  const { reason, requestedBy, requestedAt } = decommission;
  return {
    formatVersion: 1,
    certificateId: randomUUID(),
    ...{ tenantId, slug, reason, requestedBy, requestedAt },
    deletedAt: now,
    targets: targets.map(certifiedTarget),
    archives: archives.map(({ archiveId, bucket, prefix, state, retainUntil }) => {
      const gone = state === "deleted";
      const kept = { state: gone ? ("deleted" as const) : ("retained" as const) };
      return { archiveId, bucket, prefix, ...kept, retainUntil: gone ? null : retainUntil };
    }),
    kept: KEPT,
  };
}

function certifiedTarget({
  deletion,
  targetId,
  planeName,
  region,
  projectName,
  stackName,
}: CertificateFacts["targets"][number]): CertifiedTarget {
  const nothing: TargetDeletion = {
    resourcesDeleted: 0,
    database: "none",
    objectsDeleted: 0,
    scheduledForDeletion: [],
    resources: [],
    resourcesUnlisted: 0,
  };
  const { resources, ...removed } = deletion ?? nothing;
  const later = new Set(removed.scheduledForDeletion.map(({ arn }) => arn));
  const gone = resources?.filter(({ name }) => !later.has(name));
  return {
    targetId,
    planeName,
    region,
    projectName,
    stackName,
    ...removed,
    ...(gone && { resources: gone }),
  };
}

/** A target may be emptied more than once: archived, restored, archived again, destroyed. */
export function addDeletions(earlier: TargetDeletion | null, later: TargetDeletion): TargetDeletion {
  if (earlier === null) return { ...later, ...named([], later) };
  const known = new Map(earlier.scheduledForDeletion.map((one) => [one.arn, one]));
  for (const one of later.scheduledForDeletion) known.set(one.arn, one);
  return {
    resourcesDeleted: earlier.resourcesDeleted + later.resourcesDeleted,
    database: earlier.database === "dropped" || later.database === "dropped" ? "dropped" : "none",
    objectsDeleted: earlier.objectsDeleted + later.objectsDeleted,
    scheduledForDeletion: [...known.values()].sort((left, right) => (left.arn < right.arn ? -1 : 1)),
    // What was removed before anybody kept its names can only be counted.
    ...named([{ resourcesUnlisted: earlier.resourcesDeleted, ...earlier }], later),
  };
}

type Named = Pick<TargetDeletion, "resources" | "resourcesUnlisted">;

/** Each once, by type and name, as many as a certificate names. */
function named(earlier: readonly Named[], later: Named): Required<Named> {
  const all = [...earlier, later];
  const byName = new Map(
    all.flatMap(({ resources = [] }) => resources).map((one) => [`${one.type} ${one.name}`, one]),
  );
  const sorted = [...byName.keys()].sort().flatMap((key) => byName.get(key) ?? []);
  const resources = sorted.slice(0, limits.certifiedResources);
  const counted = all.reduce((sum, { resourcesUnlisted = 0 }) => sum + resourcesUnlisted, 0);
  return { resources, resourcesUnlisted: counted + sorted.length - resources.length };
}
