import { apiKeyRoutes } from "./apiKey.ts";
import { archiveRoutes } from "./archive.ts";
import { auditRoutes } from "./audit.ts";
import { auditCheckpointRoutes } from "./auditCheckpoint.ts";
import { breakerRoutes } from "./breaker.ts";
import { connectorRoutes } from "./connector.ts";
import { contactRoutes } from "./contact.ts";
import { decommissionRoutes } from "./decommission.ts";
import { domainRoutes } from "./domain.ts";
import { driftRoutes } from "./drift.ts";
import { driftCauseRoutes } from "./driftCause.ts";
import { driftScheduleRoutes } from "./driftSchedule.ts";
import { entitlementRoutes } from "./entitlement.ts";
import { evidenceRoutes } from "./evidence.ts";
import { externalIdRoutes } from "./externalId.ts";
import { flagRoutes } from "./flag.ts";
import { healthRoutes } from "./health.ts";
import { impactRoutes } from "./impact.ts";
import { incidentRoutes } from "./incident.ts";
import { integrationRoutes } from "./integration.ts";
import { limitOverrideRoutes } from "./limitOverride.ts";
import { manifestRoutes } from "./manifest.ts";
import { meterRoutes } from "./meter.ts";
import { operationRoutes } from "./operation.ts";
import { pinRoutes } from "./pin.ts";
import { placementRoutes } from "./placement.ts";
import { planeRoutes } from "./plane.ts";
import { planRoutes } from "./planRoutes.ts";
import { policyRoutes } from "./policy.ts";
import { preflightRoutes } from "./preflight.ts";
import { quotaRoutes } from "./quota.ts";
import { reconcileRoutes } from "./reconcile.ts";
import { releaseRoutes } from "./release.ts";
import { residencyRoutes } from "./residency.ts";
import { retentionRoutes } from "./retention.ts";
import { rolloutRoutes } from "./rolloutRoutes.ts";
import { routingRoutes } from "./routing.ts";
import { targetRoutes } from "./target.ts";
import { tenantRoutes } from "./tenant.ts";
import { tenantLifecycleRoutes } from "./tenantLifecycle.ts";
import { tenantProfileRoutes } from "./tenantProfile.ts";
import { tenantStatusRoutes } from "./tenantStatus.ts";
import { usageRoutes } from "./usage.ts";
import { windowRoutes } from "./window.ts";

/**
 * The HTTP contract: every operation of the API by its operation id, which is also the name of the function that carries
 * it out. It promises: objects are strict (an unknown member is refused, not ignored), every string and list has a
 * limit, every list is paged by an opaque cursor, every failure is a problem+json with a stable code. It refuses
 * secrets: settings and references are checked for what looks like one.
 */
export const routes = {
  ...externalIdRoutes,
  ...tenantRoutes,
  ...contactRoutes,
  ...tenantProfileRoutes,
  ...tenantLifecycleRoutes,
  ...tenantStatusRoutes,
  ...archiveRoutes,
  ...decommissionRoutes,
  ...targetRoutes,
  ...operationRoutes,
  ...planeRoutes,
  ...placementRoutes,
  ...preflightRoutes,
  ...routingRoutes,
  ...domainRoutes,
  ...releaseRoutes,
  ...pinRoutes,
  ...windowRoutes,
  ...planRoutes,
  ...entitlementRoutes,
  ...flagRoutes,
  ...rolloutRoutes,
  ...breakerRoutes,
  ...driftRoutes,
  ...driftCauseRoutes,
  ...driftScheduleRoutes,
  ...incidentRoutes,
  ...impactRoutes,
  ...quotaRoutes,
  ...limitOverrideRoutes,
  ...meterRoutes,
  ...usageRoutes,
  ...manifestRoutes,
  ...reconcileRoutes,
  ...connectorRoutes,
  ...integrationRoutes,
  ...policyRoutes,
  ...residencyRoutes,
  ...auditRoutes,
  ...auditCheckpointRoutes,
  ...retentionRoutes,
  ...evidenceRoutes,
  ...apiKeyRoutes,
  ...healthRoutes,
};

export type Routes = typeof routes;
export type OperationId = keyof Routes;
export const OPERATION_IDS = Object.keys(routes) as OperationId[];
