import { manifestsOf } from "../../registry/manifest.ts";
import type { Reader } from "../../registry/registry.ts";
import { releaseLatest } from "../../registry/release.ts";

/** Which of the tenants have a manifest that names another release: what took them there the reconcile loop would undo. */
export async function declaredElsewhere(
  db: Reader,
  tenantIds: readonly string[],
  releaseNumber: number,
): Promise<Set<string>> {
  const manifests = await manifestsOf(db, [...new Set(tenantIds)]);
  const latest = await releaseLatest(db);
  const elsewhere = [...manifests.values()].filter(({ manifest, heldAt }) => {
    const { release } = manifest.spec;
    const declared = release === "latest" ? latest?.number : release;
    return heldAt === null && declared !== null && declared !== releaseNumber;
  });
  return new Set(elsewhere.map(({ tenantId }) => tenantId));
}
