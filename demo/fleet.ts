import type { Operation, OperationAccepted } from "../contract/operation.ts";
import type { Release } from "../contract/release.ts";
import type { Tenant } from "../contract/tenant.ts";
import { SERVICE_NAMES } from "../contract/vocabulary.ts";
import type { Api } from "./api.ts";
import { dim, line } from "./terminal.ts";

/** A release whose five images carry one version and stand-in digests. */
export function releaseBody(version: string): unknown {
  const services = SERVICE_NAMES.map((name) => [
    name,
    { image: `registry.example/${name}:${version}`, environment: { LOG_LEVEL: "info" } },
  ]);
  return { description: `version ${version} of all five services`, services: Object.fromEntries(services) };
}

export async function createRelease(api: Api, version: string): Promise<Release> {
  const release = await api.call<Release>("POST", "/releases", releaseBody(version));
  line(`release ${release.number}: ${version}  ${dim(release.digest.slice(0, 12))}`);
  return release;
}

export async function createTenants(api: Api, plane: string): Promise<Tenant[]> {
  const wanted = [
    { slug: "acme", displayName: "Acme Ltd", plan: "starter" },
    { slug: "globex", displayName: "Globex Corporation", plan: "business" },
    { slug: "initech", displayName: "Initech GmbH", plan: "enterprise" },
  ];
  return await Promise.all(
    wanted.map((tenant) => api.call<Tenant>("POST", "/tenants", { ...tenant, planes: [plane] })),
  );
}

/** Starts one action for each tenant at once and shows the steps of all of them as they happen. */
export async function runForAll(
  api: Api,
  tenants: readonly Tenant[],
  action: string,
  body: (tenant: Tenant) => unknown,
): Promise<void> {
  const operations: Operation[] = [];
  for (const tenant of tenants) {
    const accepted = await api.call<OperationAccepted>(
      "POST",
      `/tenants/${tenant.tenantId}/${action}`,
      body(tenant),
    );
    operations.push(...accepted.operations);
  }
  const slugOf = new Map(tenants.map((tenant) => [tenant.tenantId, tenant.slug]));
  const ownerOf = new Map(
    operations.map((operation) => [operation.operationId, slugOf.get(operation.tenantId ?? "")]),
  );
  const width = Math.max(...tenants.map((tenant) => tenant.slug.length));
  await api.finish(operations, (entry) => {
    if (entry.type === "progress" || entry.type === "created") return;
    const owner = (ownerOf.get(entry.operationId) ?? "").padEnd(width);
    line(
      `${owner}  ${entry.type.replaceAll("_", " ")} ${entry.step ?? ""}${entry.message ? dim(`  ${entry.message}`) : ""}`,
    );
  });
}
