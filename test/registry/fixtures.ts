import type { Plane } from "../../contract/plane.ts";
import type { Release } from "../../contract/release.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { type TenantCreate, tenantCreateSchema } from "../../contract/tenant.ts";
import { SERVICE_NAMES } from "../../contract/vocabulary.ts";
import type { ChangeContext } from "../../registry/audit.ts";
import { planeRecord } from "../../registry/plane.ts";
import type { Change, Registry } from "../../registry/registry.ts";
import { releaseCreate } from "../../registry/release.ts";
import { targetCreate } from "../../registry/target.ts";
import { tenantCreate } from "../../registry/tenant.ts";

/** Records for tests, made through the registry's own functions. Starts nothing, so a child process may import it. */

export const context: ChangeContext = {
  actor: { kind: "api_key", id: "key-of-ada", name: "ada" },
  requestId: "request-1",
  correlationId: "correlation-1",
};

/** A clock that stands until moved. */
export function settableClock(start = "2026-03-01T09:00:00.000Z") {
  let time = Date.parse(start);
  return {
    now: () => new Date(time),
    advance: (ms: number) => {
      time += ms;
    },
  };
}

export function tenantInput(slug: string, rest: Partial<TenantCreate> = {}): TenantCreate {
  return { ...tenantCreateSchema.parse({ slug, displayName: `Tenant ${slug}`, plan: "starter" }), ...rest };
}

export function addTenant(
  registry: Registry,
  slug: string,
  rest: Partial<TenantCreate> = {},
): Promise<Tenant> {
  return registry.change(context, (change) => tenantCreate(change, tenantInput(slug, rest)));
}

export function addPlane(registry: Registry, environment: "dev" | "prod" = "dev"): Promise<Plane> {
  const region = "eu-west-1";
  return registry.change(context, (change) =>
    planeRecord(change, {
      name: `${environment}-${region}`,
      environment,
      region,
      accountId: "123456789012",
      stackName: environment,
      outputs: { clusterName: `${environment}-cluster` },
    }),
  );
}

export function addRelease(registry: Registry, tag = "1.0.0"): Promise<Release> {
  const services = Object.fromEntries(
    SERVICE_NAMES.map((name) => [name, { image: `registry.example/${name}:${tag}`, environment: {} }]),
  ) as Release["services"];
  return registry.change(context, (change) => releaseCreate(change, { description: tag, services }));
}

export async function addTarget(
  registry: Registry,
  slug: string,
  environment: "dev" | "prod" = "dev",
): Promise<{ tenant: Tenant; plane: Plane; target: Target }> {
  const tenant = await addTenant(registry, slug);
  const plane = await addPlane(registry, environment);
  const target = await registry.change(context, (change) => newTarget(change, tenant, plane));
  return { tenant, plane, target };
}

export function newTarget(change: Change, tenant: Tenant, plane: Plane, generation = 1): Promise<Target> {
  return targetCreate(change, {
    tenantId: tenant.tenantId,
    plane,
    generation,
    projectName: `tenant-${tenant.tenantId}`,
    stackName: `${plane.name}-${generation}`,
    targetReleaseNumber: null,
  });
}
