import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Every metric of the service in one place; labels are bounded sets, never ids. */
export function createMetrics() {
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
      help: "Rows removed because their retention was over: operations, journal, outbox, queue",
      labelNames: ["what"],
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
      labelNames: ["controller", "manifest_version", "outcome"] as const,
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    reconcileActions: new Counter({
      name: "tenantry_reconcile_actions_total",
      help: "What the reconcile loop asked for",
      labelNames: ["controller", "manifest_version", "action", "outcome"] as const,
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
    targetHealth: new Gauge({
      name: "tenantry_targets_by_health",
      help: "Targets by health, which says nothing of their version or drift",
      labelNames: ["health"] as const,
      registers,
    }),
    targetVersion: new Gauge({
      name: "tenantry_targets_by_version",
      help: "Targets by version, which says nothing of their health or drift",
      labelNames: ["version"] as const,
      registers,
    }),
    targetDrift: new Gauge({
      name: "tenantry_targets_by_drift",
      help: "Targets by drift, which says nothing of their health or version",
      labelNames: ["drift"] as const,
      registers,
    }),
    denials: new Counter({
      name: "tenantry_denied_requests_total",
      help: "Requests refused before anything was done",
      labelNames: ["reason"] as const,
      registers,
    }),
    openStreams: new Gauge({ name: "tenantry_event_streams_open", help: "Open event streams", registers }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
