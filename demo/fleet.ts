import type { JournalEntry, Operation, OperationAccepted } from "../contract/operation.ts";
import type { Release } from "../contract/release.ts";
import type { Tenant } from "../contract/tenant.ts";
import { SERVICE_NAMES } from "../contract/vocabulary.ts";
import type { Api } from "./api.ts";
import { dim, line } from "./terminal.ts";

/** A release whose five images carry one version, but for those that are named. */
export function releaseBody(version: string, images: Readonly<Record<string, string>> = {}): unknown {
  const services = SERVICE_NAMES.map((name) => [
    name,
    { image: images[name] ?? `registry.example/${name}:${version}`, environment: { LOG_LEVEL: "info" } },
  ]);
  return { description: `version ${version} of all five services`, services: Object.fromEntries(services) };
}

export async function createRelease(
  api: Api,
  version: string,
  images: Readonly<Record<string, string>> = {},
): Promise<Release> {
  const release = await api.call<Release>("POST", "/releases", releaseBody(version, images));
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
  const done = new Map<string, number>();
  await api.finish(operations, (entry) => {
    const text = describe(entry, done);
    if (text !== undefined) line(`${(ownerOf.get(entry.operationId) ?? "").padEnd(width)}  ${text}`);
  });
}

/** What a person wants to see of a journal entry; `done` counts resources by operation. */
function describe(entry: JournalEntry, done: Map<string, number>): string | undefined {
  const at = dim(entry.at.slice(11, 23));
  if (entry.type === "succeeded" || entry.type === "failed")
    return `${at}  ${entry.type} ${entry.message ?? ""}`;
  if (entry.type === "step_failed") return `${at}  ${entry.step} failed: ${entry.message}`;
  if (entry.type !== "progress") return undefined;
  const { resources } = entry.data;
  if (!Array.isArray(resources)) return `${at}  ${entry.message}`;
  const total = (done.get(entry.operationId) ?? 0) + resources.length;
  done.set(entry.operationId, total);
  return `${at}  ${dim(`${entry.step}: ${total} resources`)}`;
}
