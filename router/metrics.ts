import { createServer, type Server } from "node:http";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { SourceState } from "./routing.ts";
import type { RoutingTable } from "./snapshot.ts";

/** The router's own figures. Labels are bounded sets: no host, no tenant. */
export function createRouterMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const version = gauge(
    "tenantry_router_routing_version",
    "Version of the routing that is served; 0 without one",
  );
  const hosts = gauge("tenantry_router_routing_hosts", "Hosts that are answered for");
  const publishedAt = gauge(
    "tenantry_router_routing_published_timestamp_seconds",
    "When the version that is served was published",
  );
  const goodAt = gauge(
    "tenantry_router_source_good_timestamp_seconds",
    "When the source last had good routing",
  );
  const sourceGood = gauge(
    "tenantry_router_source_good",
    "1 while the source can be read and what lies there is taken, or nothing has been published yet",
  );
  return {
    registry,
    requests: new Counter({
      name: "tenantry_router_requests_total",
      help: "Requests by what became of them: forwarded, or the code of what the router answered itself",
      labelNames: ["outcome", "status"] as const,
      registers,
    }),
    requestSeconds: new Histogram({
      name: "tenantry_router_request_duration_seconds",
      help: "Time from a request's head to the end of its answer",
      labelNames: ["outcome"] as const,
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    refused: new Counter({
      name: "tenantry_router_snapshots_refused_total",
      help: "Snapshots that were not taken: malformed, checksum, signature, plane or older",
      labelNames: ["reason"] as const,
      registers,
    }),
    serve(table: RoutingTable) {
      version.set(table.version);
      hosts.set(table.hosts.size);
      publishedAt.set(Date.parse(table.publishedAt) / 1_000);
    },
    look(state: SourceState) {
      const good = state === "good" || state === "none";
      sourceGood.set(good ? 1 : 0);
      if (good) goodAt.set(Date.now() / 1_000);
    },
  };
}
export type RouterMetrics = ReturnType<typeof createRouterMetrics>;

/** On a port of their own, which no load balancer leads to. Resolves with the port. */
export async function serveMetrics(
  { registry }: RouterMetrics,
  where: { readonly host: string; readonly port: number },
): Promise<Server> {
  const server = createServer(async (request, response) => {
    if (request.url !== "/metrics") return void response.writeHead(404).end();
    const text = await registry.metrics();
    response.writeHead(200, { "content-type": registry.contentType }).end(text);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where.port, where.host, resolve);
  });
  return server;
}
