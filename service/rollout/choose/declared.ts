import type { Manifest } from "../../../contract/manifest.ts";
import type { RolloutChange } from "../../../contract/rolloutChange.ts";
import { manifestsOf } from "../../../registry/manifest.ts";
import type { Reader } from "../../../registry/registry.ts";
import { releaseLatest } from "../../../registry/release.ts";
import { forTenant } from "../../manifest/ownId.ts";

const IDS_PER_QUERY = 1_000;

/**
 * Tenants whose manifest says otherwise, each with what it says: the reconcile loop would undo the release, and the next apply the rest. A manifest
 * that is held by a forced edit says nothing until it is applied again.
 */
export async function declaredOtherwise(
  db: Reader,
  change: RolloutChange,
  tenantIds: readonly string[],
): Promise<Map<string, string>> {
  const declared = new Map<string, string>();
  if (change.kind === "flag" || change.kind === "drift_repair") return declared;
  const latest = change.kind === "release" ? (await releaseLatest(db))?.number : undefined;
  for (let from = 0; from < tenantIds.length; from += IDS_PER_QUERY) {
    const manifests = await manifestsOf(db, tenantIds.slice(from, from + IDS_PER_QUERY));
    for (const { tenantId, manifest, heldAt } of manifests.values()) {
      const why = heldAt === null ? contradiction(manifest.spec, change, tenantId, latest) : undefined;
      if (why !== undefined) declared.set(tenantId, why);
    }
  }
  return declared;
}

/** Of the record a manifest always names the plan and what has a default; the plan's version, settings and references only where it does. */
export function contradiction(
  spec: Manifest["spec"],
  change: RolloutChange,
  tenantId: string,
  latestRelease: number | undefined,
): string | undefined {
  if (change.kind === "release") {
    const release = spec.release === "latest" ? latestRelease : spec.release;
    return release === null || release === change.releaseNumber
      ? undefined
      : "its manifest names another release";
  }
  if (change.kind === "plan") {
    if (spec.plan !== change.plan) return "its manifest names another plan";
    const { planVersion = change.planVersion } = spec;
    return planVersion === change.planVersion ? undefined : "its manifest names another version of the plan";
  }
  if (change.kind !== "field") return undefined;
  const said = declaredField(spec, change.field, tenantId);
  return said === undefined || said === change.value ? undefined : `its manifest declares ${change.field}`;
}

function declaredField(
  { config, ...spec }: Manifest["spec"],
  field: string,
  tenantId: string,
): string | undefined {
  const [map, name] = field.split(".");
  if (map === "settings" && name !== undefined) return config.settings[name];
  if (map === "secretRefs" && name !== undefined) return forTenant(config.secretRefs, tenantId)[name];
  if (field === "suspensionMode" || field === "dataClassification") return spec[field];
  return undefined;
}
