import { setTimeout as sleep } from "node:timers/promises";
import type { DriftRepairPreview } from "../../contract/drift.ts";
import type { OperationAccepted, OperationDetail } from "../../contract/operation.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { OperationKind, TenantStatus } from "../../contract/vocabulary.ts";
import type { CloudResource } from "../../demo/listings.ts";
import { scanned } from "../actor.ts";
import { AT_ONCE_MS } from "../client.ts";
import { loggedIn } from "../cloudAccess.ts";
import { type MatrixWorld, PLANE, VERSIONS } from "./world.ts";

/** One tenant whose operations are tried, and how each of them is asked for. */
export interface TenantInTrial {
  readonly tenantId: string;
  readonly slug: string;
  status: TenantStatus;
  /** None before the first activation. */
  release: number | undefined;
}

const ENDED_WITHIN_MS = 3 * 60_000;
const POLL_MS = 30;
const ROWS = 3;
const reason = "to be tried";

export async function createTenant({ client }: MatrixWorld, slug: string): Promise<TenantInTrial> {
  const body = { slug, displayName: slug, plan: "starter", planes: [PLANE] };
  const { tenantId } = await client.call<Tenant>("POST", "/tenants", body);
  return { tenantId, slug, status: "draft", release: undefined };
}

/** Which release the tenant is to be on when an operation of the kind has succeeded. */
export function releaseAfter(kind: OperationKind, { release }: TenantInTrial): number {
  if (kind === "tenant_deploy") return (release ?? 0) === VERSIONS.length ? 1 : VERSIONS.length;
  return release ?? 1;
}

/** What must be there before the operation can be asked for. */
export async function prepare(world: MatrixWorld, kind: OperationKind, tenantId: string): Promise<void> {
  if (kind !== "drift_repair") return;
  const query = new URLSearchParams({ type: "aws:sqs/queue:Queue", "tag.tenantry:tenant-id": tenantId });
  const { resources } = (await world.cloud.control("GET", `/v1/resources?${query}`)) as {
    resources: CloudResource[];
  };
  const queue = resources.find(({ state }) => state === "present");
  if (queue === undefined) throw new Error(`Cannot go on: ${tenantId} must have a queue`);
  const { type, id, region } = queue;
  const at = new URLSearchParams({ type, id, region });
  await world.cloud.control("PATCH", `/v1/resources/one?${at}`, {
    properties: { visibilityTimeoutSeconds: 7 },
  });
  await scanned(world.client, await world.client.call("POST", "/drift/scans", { tenantIds: [tenantId] }));
}

/** Asks for the operation and gives it when it has ended. */
export async function operate(
  world: MatrixWorld,
  kind: OperationKind,
  tenant: TenantInTrial,
): Promise<OperationDetail> {
  const [path, body] = await request(world, kind, tenant);
  const { operations } = await world.client.call<OperationAccepted>("POST", path, body, AT_ONCE_MS);
  return ended(world, operations[0]?.operationId);
}

export async function retry(world: MatrixWorld, operationId: string): Promise<OperationDetail> {
  const path = `/operations/${operationId}/retry`;
  return ended(world, (await world.client.call<OperationDetail>("POST", path, {}, AT_ONCE_MS)).operationId);
}

async function request(
  { client }: MatrixWorld,
  kind: OperationKind,
  tenant: TenantInTrial,
): Promise<readonly [path: string, body: object]> {
  const path = `/tenants/${tenant.tenantId}`;
  switch (kind) {
    case "tenant_activate":
      return [`${path}/activate`, { releaseNumber: releaseAfter(kind, tenant) }];
    case "tenant_deploy":
      return [`${path}/deploy`, { releaseNumber: releaseAfter(kind, tenant) }];
    case "tenant_suspend":
    case "tenant_reactivate":
    case "tenant_archive":
    case "tenant_restore":
      return [`${path}/${kind.slice("tenant_".length)}`, { reason }];
    case "tenant_rotate_credentials":
      return [`${path}/rotate-credentials`, { reason }];
    case "tenant_decommission":
      return [`${path}/decommission`, { confirmSlug: tenant.slug, reason, immediately: true }];
    case "drift_repair": {
      const scope = { tenantIds: [tenant.tenantId] };
      const seen = await client.call<DriftRepairPreview>("POST", "/drift/repairs/preview", scope);
      return ["/drift/repairs", { ...scope, reason, findingsDigest: seen.findingsDigest }];
    }
  }
}

async function ended({ client }: MatrixWorld, operationId: string | undefined): Promise<OperationDetail> {
  if (operationId === undefined) throw new Error("Cannot go on: the request must have led to an operation");
  const deadline = Date.now() + ENDED_WITHIN_MS;
  for (;;) {
    const path = `/operations/${operationId}`;
    const operation = await client.call<OperationDetail>("GET", path, undefined, AT_ONCE_MS);
    if (operation.finishedAt !== null) return operation;
    if (Date.now() > deadline)
      throw new Error(`operation ${operationId} must end within ${ENDED_WITHIN_MS / 1_000} s`);
    await sleep(POLL_MS);
  }
}

/** What its services would write: rows into their database, and an object. */
export async function writeData(world: MatrixWorld, { tenantId }: TenantInTrial): Promise<void> {
  const login = await world.cloud.login(tenantId);
  if (login === undefined) throw new Error(`Cannot go on: ${tenantId} must have a login`);
  await loggedIn(login, async (client) => {
    await client.query("create table facts (id int primary key, note text)");
    await client.query(`insert into facts select n, 'note ' || n from generate_series(1, ${ROWS}) as n`);
  });
  const key = `tenants/${tenantId}/report.pdf`;
  const query = new URLSearchParams({ bucket: world.plane.dataBucketName, key });
  await world.cloud.control("PUT", `/v1/s3/object?${query}`, { content: "a report" });
}
