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
      labelNames: ["kind", "status"] as const,
      buckets: [0.5, 1, 2, 5, 10, 30, 60, 300, 1800],
      registers,
    }),
    operationsRunning: new Gauge({
      name: "tenantry_operations_running",
      help: "Operations that run now",
      registers,
    }),
    operationsQueued: new Gauge({
      name: "tenantry_operations_queued",
      help: "Operations that wait for their turn",
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
