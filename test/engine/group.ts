import type { PreviewGroupFacts } from "../../registry/rolloutPreview.ts";
import type { PreviewResult } from "../../service/engine/engine.ts";
import { previewGroup } from "../../service/rollout/preview/groups.ts";
import { specDigest, type TenantSpec } from "../../stacks/tenant/spec.ts";

/** The group that a rollout would put the tenant into. */
export function groupOf(plan: PreviewResult, spec: TenantSpec, applied?: TenantSpec): PreviewGroupFacts {
  const { name: planeName, region, accountId } = spec.plane;
  const digests = [spec, ...(applied ? [applied] : [])].map(specDigest);
  return previewGroup(plan, { ...spec.tenant, planeName, region, accountId }, digests);
}
