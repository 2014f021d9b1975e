import { z } from "zod";
import type { Cloud } from "../context.ts";
import { keyOf } from "../context.ts";
import { deploymentStatus, markHealthy, markUnhealthy, startDeployment } from "../ecsRuntime.ts";
import type { ResourceRecord } from "../store/store.ts";
import { object, prune, text } from "../values.ts";
import { Problem } from "./problem.ts";
import { readFilter } from "./resources.ts";
import type { ControlRequest, Routes } from "./router.ts";

const SERVICE = "aws:ecs/service:Service";

const HealthRequest = z.strictObject({
  /** ARN or name of the service. */
  arn: z.string().min(1).max(2_048),
  healthy: z.boolean(),
  reason: z.string().max(1_000).default("health checks failed"),
});

const RestartRequest = z.strictObject({ arn: z.string().min(1).max(2_048) });

/** What ECS would tell of its services, and making one ill. */
export function ecsRoutes(cloud: Cloud): Routes {
  return {
    "GET /v1/ecs/services": (request) => ({
      services: listServices(cloud, request).map((service) => describeService(cloud, service)),
    }),
    "POST /v1/ecs/services/health": async (request) => {
      const body = await request.body(HealthRequest);
      return cloud.store.transaction(() => setHealth(cloud, body));
    },
    "POST /v1/ecs/services/restart": async (request) => {
      const { arn } = await request.body(RestartRequest);
      return cloud.store.transaction(() => restart(cloud, arn));
    },
  };
}

function listServices(cloud: Cloud, request: ControlRequest): readonly ResourceRecord[] {
  const cluster = request.query.get("cluster");
  const services = cloud.store.list({ ...readFilter(request.query), type: SERVICE });
  return services.filter((service) => cluster === null || sameCluster(service, cluster));
}

function sameCluster(service: ResourceRecord, cluster: string): boolean {
  const own = text(service.properties, "cluster") ?? "default";
  return clusterName(own) === clusterName(cluster);
}

function clusterName(cluster: string): string {
  return cluster.split("/").at(-1) ?? cluster;
}

function setHealth(cloud: Cloud, body: z.infer<typeof HealthRequest>) {
  const service = findService(cloud, body.arn);
  const runtime = body.healthy
    ? { ...service.runtime, unhealthySinceMs: undefined, reason: undefined, ...markHealthy(cloud.nowMs()) }
    : markUnhealthy(service, body.reason, cloud.nowMs());
  cloud.store.change(keyOf(service), { runtime: prune(runtime) });
  return describeService(cloud, cloud.store.find(keyOf(service)) ?? service);
}

/** As UpdateService with forceNewDeployment: the same tasks anew. */
function restart(cloud: Cloud, arn: string) {
  const service = findService(cloud, arn);
  const runtime = { ...service.runtime, ...startDeployment(cloud.nowMs(), service) };
  cloud.store.change(keyOf(service), { runtime: prune(runtime) });
  return describeService(cloud, cloud.store.find(keyOf(service)) ?? service);
}

function findService(cloud: Cloud, called: string): ResourceRecord {
  const exact = cloud.store.list({ type: SERVICE, called });
  const matches = exact.length > 0 ? exact : servicesNamed(cloud, called);
  const [found, another] = matches;
  if (found === undefined) throw new Problem(404, "not_found", `Cannot find the ECS service ${called}.`);
  if (another === undefined) return found;
  const arns = matches.map(({ id, arn }) => arn ?? id).join(", ");
  throw new Problem(
    409,
    "ambiguous",
    `Cannot choose among several ECS services ${called}: give one of ${arns}.`,
  );
}

/** A name is one cluster's: planes have services of the same name. */
function servicesNamed(cloud: Cloud, name: string): readonly ResourceRecord[] {
  return cloud.store.list({ type: SERVICE }).filter(({ properties }) => text(properties, "name") === name);
}

function describeService(cloud: Cloud, service: ResourceRecord) {
  const status = deploymentStatus(service, cloud.profile(), cloud.nowMs());
  const { properties } = service;
  const name = text(properties, "name") ?? service.id;
  return {
    arn: service.arn ?? service.id,
    name,
    cluster: text(properties, "cluster") ?? "default",
    region: service.region,
    account: service.account,
    status: "ACTIVE",
    desiredCount: status.desiredCount,
    runningCount: status.runningCount,
    pendingCount: status.pendingCount,
    rolloutState: status.rolloutState,
    healthy: status.healthy,
    ...(status.reason === undefined ? {} : { reason: status.reason }),
    taskDefinition: text(properties, "taskDefinition"),
    images: imagesOf(cloud, service),
    tags: object(properties, "tagsAll") ?? {},
    events: [eventOf(name, status)],
  };
}

function eventOf(name: string, status: ReturnType<typeof deploymentStatus>): string {
  if (!status.healthy) return `(service ${name}) task failed container health checks: ${status.reason ?? ""}`;
  if (status.steadyInMs === 0) return `(service ${name}) has reached a steady state.`;
  return `(service ${name}) has started ${status.desiredCount} tasks.`;
}

function imagesOf(cloud: Cloud, service: ResourceRecord): readonly string[] {
  const reference = text(service.properties, "taskDefinition");
  const definition = reference === undefined ? undefined : cloud.store.findByArn(reference);
  try {
    const containers: unknown = JSON.parse(
      text(definition?.properties ?? {}, "containerDefinitions") ?? "[]",
    );
    return z
      .array(z.object({ image: z.string() }))
      .parse(containers)
      .map((container) => container.image);
  } catch {
    return [];
  }
}
