import {
  type TargetIdentity,
  type TenantLayout,
  tenantLayout,
} from "../../components/tenantServiceSet/layout.ts";
import type { TenantSpec } from "./spec.ts";

/** Names of a target's resources, for those who have its spec and do not run its program. */
export function layoutOf(spec: TenantSpec): TenantLayout {
  return tenantLayout(targetIdentity(spec));
}

function targetIdentity({ tenant, environment, generation, plane }: TenantSpec): TargetIdentity {
  return {
    tenantId: tenant.tenantId,
    slug: tenant.slug,
    environment,
    generation,
    planeName: plane.name,
    domain: plane.outputs.domain,
    namespaceName: plane.outputs.serviceNamespaceName,
  };
}

/** The cluster that the target's services run in: the plane's or the tenant's own. */
export function clusterNameOf(spec: TenantSpec): string {
  return spec.isolation.cluster === "own" ? layoutOf(spec).own.clusterName : spec.plane.outputs.clusterName;
}
