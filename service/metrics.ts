import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { createTenantSeries } from "./tenantSeries.ts";

/**
 * Every metric of the service in one place; docs/observability.md has them as a table, made by script/writeMetricsDocs.ts. Labels are
 * bounded sets, never ids; but for the few tenants of tenantSeries.ts.
 */
export function createMetrics({ tenantSeries = 200 }: { readonly tenantSeries?: number } = {}) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requestSeconds: new Histogram({
      name: "tenantry_http_request_duration_seconds",
      help: "Time from the request's head to the end of the answer",
      labelNames: ["operation", "status"] as const,
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    operationSeconds: new Histogram({
      name: "tenantry_operation_duration_seconds",
      help: "Time from the start of an operation to its end",
      labelNames: ["kind", "status", "environment", "region"] as const,
      buckets: [0.5, 1, 2, 5, 10, 30, 60, 300, 900, 1_800, 3_600],
      registers,
    }),
    operationWaitSeconds: new Histogram({
      name: "tenantry_operation_wait_seconds",
      help: "Time from asking for an operation to its start",
      labelNames: ["environment", "region"] as const,
      buckets: [0.1, 1, 5, 15, 60, 300, 900, 3_600],
      registers,
    }),
    operationsRunning: new Gauge({
      name: "tenantry_operations_running",
      help: "Operations that run now in this process",
      registers,
    }),
    planeRunning: new Gauge({
      name: "tenantry_plane_operations_running",
      help: "Operations that run now on a plane, in all processes together",
      labelNames: ["plane"] as const,
      registers,
    }),
    operationsQueued: new Gauge({
      name: "tenantry_operations_queued",
      help: "Operations that wait for their turn, for all processes together",
      registers,
    }),
    queueLagSeconds: new Gauge({
      name: "tenantry_operations_queue_lag_seconds",
      help: "How long the operation that waits longest has waited",
      registers,
    }),
    readOnly: new Gauge({
      name: "tenantry_read_only",
      help: "1 while storage is full and nothing can be changed",
      registers,
    }),
    purged: new Counter({
      name: "tenantry_purged_total",
      help: "Rows removed because their retention was over: operations, journal, outbox, queue, usage",
      labelNames: ["what"],
      registers,
    }),
    auditBroken: new Gauge({
      name: "tenantry_audit_broken",
      help: "1 once a checkpoint could not be signed because the audit trail is not what the last one has signed",
      registers,
    }),
    auditAnchorFailures: new Counter({
      name: "tenantry_audit_anchor_failures_total",
      help: "Checkpoints that could not be written to the anchor; each is tried again",
      registers,
    }),
    decisionsDropped: new Counter({
      name: "tenantry_decisions_dropped_total",
      help: "Allowed requests that are not in the decision log, because the registry took nothing for too long",
      registers,
    }),
    leasesLost: new Counter({
      name: "tenantry_leases_lost_total",
      help: "Operations this process stopped because their lease was taken or could not be renewed",
      registers,
    }),
    stepRetries: new Counter({
      name: "tenantry_step_retries_total",
      help: "Steps tried again after an error that may pass",
      labelNames: ["step"] as const,
      registers,
    }),
    reconcileSeconds: new Histogram({
      name: "tenantry_reconcile_duration_seconds",
      help: "Time of a pass over the fleet, or of asking for a tenant's next step",
      labelNames: ["controller", "manifest_version", "region", "outcome"] as const,
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    reconcileActions: new Counter({
      name: "tenantry_reconcile_actions_total",
      help: "What the reconcile loop asked for",
      labelNames: ["controller", "manifest_version", "region", "action", "outcome"] as const,
      registers,
    }),
    reconcileQueue: new Gauge({
      name: "tenantry_reconcile_queue_depth",
      help: "Tenants that wait for their next step to be asked for",
      labelNames: ["controller", "manifest_version"] as const,
      registers,
    }),
    reconcileLag: new Gauge({
      name: "tenantry_reconcile_lag_seconds",
      help: "How long the longest has not been as declared, of those that are being brought there",
      labelNames: ["controller", "manifest_version"] as const,
      registers,
    }),
    reconcileOutOfSync: new Gauge({
      name: "tenantry_reconcile_out_of_sync",
      help: "What is not as declared, by what is being done about it",
      labelNames: ["controller", "manifest_version", "verdict"] as const,
      registers,
    }),
    controllerSeconds: new Histogram({
      name: "tenantry_controller_pass_duration_seconds",
      help: "Time of one pass of a loop that keeps something in order, such as rollouts, health or housekeeping",
      labelNames: ["controller", "outcome"] as const,
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    rolloutsStuck: new Gauge({
      name: "tenantry_rollouts_stuck",
      help: "Rollouts of which nothing has moved for longer than they allow",
      registers,
    }),
    breakers: new Gauge({
      name: "tenantry_breaker_open",
      help: "1 for each plane or region where nothing new is started because too much has failed there",
      labelNames: ["scope"] as const,
      registers,
    }),
    routingVersion: new Gauge({
      name: "tenantry_routing_version",
      help: "Newest version of a plane's routing",
      labelNames: ["plane"] as const,
      registers,
    }),
    routingHeld: new Gauge({
      name: "tenantry_routing_held",
      help: "1 for each plane whose routing is held after a rollback",
      labelNames: ["plane"] as const,
      registers,
    }),
    routingStoreFailures: new Counter({
      name: "tenantry_routing_store_failures_total",
      help: "Times that a plane's routing could not be read from its store or put into it",
      labelNames: ["plane"] as const,
      registers,
    }),
    domainLooks: new Counter({
      name: "tenantry_domain_looks_total",
      help: "Looks for the records of tenants' domains: found, missing, or dns_error when the DNS did not answer",
      labelNames: ["outcome"] as const,
      registers,
    }),
    driftScanSeconds: new Histogram({
      name: "tenantry_drift_scan_duration_seconds",
      help: "Time from the start of a drift scan to its end",
      labelNames: ["status"] as const,
      buckets: [1, 5, 30, 60, 300, 900, 3_600, 14_400],
      registers,
    }),
    driftCausesOpen: new Gauge({
      name: "tenantry_drift_causes_open",
      help: "Causes of drift that are open and not ignored altogether",
      registers,
    }),
    driftOldestSeconds: new Gauge({
      name: "tenantry_drift_oldest_age_seconds",
      help: "How long the oldest finding that counts as drift has been open; 0 without one",
      registers,
    }),
    auditBreaks: new Gauge({
      name: "tenantry_audit_breaks",
      help: "Breaks that this process found when it last verified the whole audit trail",
      registers,
    }),
    auditVerifiedSeconds: new Gauge({
      name: "tenantry_audit_verified_timestamp_seconds",
      help: "When that was, in Unix time; 0 while it has not been",
      registers,
    }),
    tenantsByStatus: new Gauge({
      name: "tenantry_tenants_by_status",
      help: "Tenants that are not deleted, by where they are in their life",
      labelNames: ["status"] as const,
      registers,
    }),
    targetState: new Gauge({
      name: "tenantry_targets_by_state",
      help: "Targets by deployment state",
      labelNames: ["environment", "region", "state"] as const,
      registers,
    }),
    targetHealth: new Gauge({
      name: "tenantry_targets_by_health",
      help: "Targets by health, which says nothing of their version or drift",
      labelNames: ["environment", "region", "health"] as const,
      registers,
    }),
    targetVersion: new Gauge({
      name: "tenantry_targets_by_version",
      help: "Targets by version, which says nothing of their health or drift",
      labelNames: ["environment", "region", "version"] as const,
      registers,
    }),
    targetDrift: new Gauge({
      name: "tenantry_targets_by_drift",
      help: "Targets by drift, which says nothing of their health or version",
      labelNames: ["environment", "region", "drift"] as const,
      registers,
    }),
    usageEvents: new Counter({
      name: "tenantry_usage_events_total",
      help: "Usage events that were sent, by what came of them",
      labelNames: ["status"] as const,
      registers,
    }),
    rateLimited: new Counter({
      name: "tenantry_rate_limited_requests_total",
      help: "Requests refused with 429, by the bound that was reached: principal, tenant, address",
      labelNames: ["limit"] as const,
      registers,
    }),
    rateLimiterFailures: new Counter({
      name: "tenantry_rate_limiter_failures_total",
      help: "Requests that could not be counted with the other services': reads passed, changes counted here alone",
      labelNames: ["outcome"] as const,
      registers,
    }),
    denials: new Counter({
      name: "tenantry_denied_requests_total",
      help: "Requests refused before anything was done",
      labelNames: ["reason"] as const,
      registers,
    }),
    policySeconds: new Histogram({
      name: "tenantry_policy_evaluation_duration_seconds",
      help: "Time of one evaluation of the policies; error counts as denied",
      labelNames: ["outcome"] as const,
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1],
      registers,
    }),
    policyReloads: new Counter({
      name: "tenantry_policy_reloads_total",
      help: "Sets of policies that were taken, and those that were not, so that the last good one holds on",
      labelNames: ["outcome"] as const,
      registers,
    }),
    policyStale: new Gauge({
      name: "tenantry_policy_stale",
      help: "1 while the source of the policies has no set that can be taken, and an earlier one or none holds",
      registers,
    }),
    securityEvents: new Counter({
      name: "tenantry_security_events_total",
      help: "What somebody should look at: `cross_region`, who tries to reach a tenant from another region; `audit_anchor_conflict`, what lies in a checkpoint's place",
      labelNames: ["kind"] as const,
      registers,
    }),
    outboxPending: new Gauge({
      name: "tenantry_outbox_events_pending",
      help: "Events that nobody has taken yet, counted up to 10000",
      registers,
    }),
    outboxOldestSeconds: new Gauge({
      name: "tenantry_outbox_oldest_pending_seconds",
      help: "How long the oldest of them has waited; 0 while nobody takes events at all",
      registers,
    }),
    tenants: createTenantSeries(registers, tenantSeries),
    tenantUnwell: new Gauge({
      name: "tenantry_tenant_unwell",
      help: "Targets of a tenant that are down, degraded or drifted, of as many tenants as have series of their own",
      labelNames: ["tenant", "environment", "region", "what"] as const,
      registers,
    }),
    entitlementPropagation: new Histogram({
      name: "tenantry_entitlement_propagation_seconds",
      help: "Time from a change of what a tenant may do until a reader that follows it has verified the new bundle",
      buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
      registers,
    }),
    entitlementBound: new Gauge({
      name: "tenantry_entitlement_propagation_bound_seconds",
      help: "How long that may take, as the service is set",
      registers,
    }),
    entitlementReaders: new Gauge({
      name: "tenantry_entitlement_readers_waiting",
      help: "Requests that wait for a tenant's next bundle now",
      registers,
    }),
    openStreams: new Gauge({ name: "tenantry_event_streams_open", help: "Open event streams", registers }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
