import type { Reader } from "./registry.ts";

/** What was previewed of each target that has not begun, in the order of their ids: what a start is held against. */
export interface PreviewedFacts {
  readonly targetId: string;
  readonly tenantId: string;
  readonly planeName: string;
  readonly toReleaseNumber: number | null;
  readonly specDigest: string | null;
  readonly planDigest: string | null;
  readonly previewedAt: string | null;
  readonly previewError: string | null;
}

export async function rolloutPreviewedTargets(db: Reader, rolloutId: string): Promise<PreviewedFacts[]> {
  return await db
    .selectFrom("rolloutTargets")
    .select(["targetId", "tenantId", "planeName", "toReleaseNumber"])
    .select(["specDigest", "planDigest", "previewedAt", "previewError"])
    .where("rolloutId", "=", rolloutId)
    .where("status", "=", "pending")
    .orderBy("targetId")
    .execute();
}
