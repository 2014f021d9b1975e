import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { DeclaredEndpoint, EndpointKind, EndpointSet } from "../contract/residency.ts";
import type { EnvironmentName } from "../contract/vocabulary.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import { refuseOtherVersion } from "./tenantProblem.ts";

/** Where planes lie, and the addresses of regions that are set by hand. */
export interface PlanePlace {
  readonly name: string;
  readonly environment: EnvironmentName;
  readonly region: string;
}

/** A plane that is not recorded is left out. */
export async function planePlaces(db: Reader, names: readonly string[]): Promise<PlanePlace[]> {
  if (names.length === 0) return [];
  return db
    .selectFrom("planes")
    .select(["name", "environment", "region"])
    .where("name", "in", [...names])
    .orderBy("name")
    .execute();
}

export interface PlaneInRegion extends PlanePlace {
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Those for all tenants; with names, those and no others. */
export async function planesInRegions(
  db: Reader,
  regions: readonly string[],
  names?: readonly string[],
): Promise<PlaneInRegion[]> {
  if (regions.length === 0 || names?.length === 0) return [];
  let rows = db
    .selectFrom("planes")
    .select(["name", "environment", "region", "outputs"])
    .where("region", "in", [...regions]);
  rows = names === undefined ? rows.where("dedicatedTo", "is", null) : rows.where("name", "in", [...names]);
  const found = await rows.orderBy("name").execute();
  return found.map((row) => ({ ...row, outputs: fromJson(row.outputs) }));
}

/** By name: those with a plane for all tenants, and those with an address set by hand. */
export async function regionNames(db: Reader, page: PageRequest): Promise<Page<string>> {
  const after = page.cursor === undefined ? "" : pageAfter(page.cursor)[1];
  const found = await db
    .selectFrom((from) =>
      from
        .selectFrom("planes")
        .select("region")
        .where("dedicatedTo", "is", null)
        .union(from.selectFrom("residencyEndpoints").select("region"))
        .as("known"),
    )
    .select("known.region")
    .where("known.region", ">", after)
    .orderBy("known.region")
    .limit(page.limit + 1)
    .execute();
  return toPage(
    found,
    page.limit,
    ({ region }) => region,
    ({ region }) => ["", region],
  );
}

export async function endpointsDeclared(db: Reader, regions: readonly string[]): Promise<DeclaredEndpoint[]> {
  if (regions.length === 0) return [];
  const rows = await db
    .selectFrom("residencyEndpoints")
    .selectAll()
    .where("region", "in", [...regions])
    .orderBy("region")
    .orderBy("kind")
    .execute();
  return rows.map((row) => ({ ...row, kind: row.kind as EndpointKind }));
}

/** Audits `residency.endpoint_set`; what is so already is left as it is. */
export async function residencyEndpointSet(
  change: Change,
  region: string,
  kind: EndpointKind,
  { address, reason }: EndpointSet,
  expectedVersion?: number,
): Promise<DeclaredEndpoint> {
  const before = await endpointFind(change.db, region, kind);
  const known = before?.recordVersion ?? 0;
  refuseOtherVersion("address", { recordVersion: known }, expectedVersion);
  if (before?.address === address) return before;
  const row = {
    ...{ region, kind, address, recordVersion: known + 1 },
    ...{ updatedBy: change.context.actor.id, updatedAt: change.now },
  };
  await change.db
    .insertInto("residencyEndpoints")
    .values(row)
    .onConflict((conflict) => conflict.columns(["region", "kind"]).doUpdateSet(row))
    .execute();
  const details = { region, kind, address, before: before?.address ?? null };
  await announce(change, "residency.endpoint_set", details, reason);
  return row;
}

/** Audits `residency.endpoint_removed`. Throws region_not_found where nothing is set. */
export async function residencyEndpointRemove(
  change: Change,
  region: string,
  kind: EndpointKind,
  reason: string,
  expectedVersion?: number,
): Promise<DeclaredEndpoint> {
  const before = await endpointFind(change.db, region, kind);
  if (before === undefined) {
    throw new ProblemError("region_not_found", {
      detail: `Cannot remove the address: one must be set by hand for ${kind} in ${region}, and none is.`,
      hint: `See GET /v1/control-plane/residency/regions/${region}.`,
      errors: [{ path: "path.kind", message: "has no address of its own", value: kind }],
    });
  }
  refuseOtherVersion("address", before, expectedVersion);
  await change.db
    .deleteFrom("residencyEndpoints")
    .where("region", "=", region)
    .where("kind", "=", kind)
    .execute();
  const details = { region, kind, before: before.address };
  await announce(change, "residency.endpoint_removed", details, reason);
  return before;
}

async function endpointFind(
  db: Reader,
  region: string,
  kind: EndpointKind,
): Promise<DeclaredEndpoint | undefined> {
  return (await endpointsDeclared(db, [region])).find((endpoint) => endpoint.kind === kind);
}

async function announce(
  change: Change,
  action: string,
  details: { readonly region: string; readonly kind: string },
  reason: string,
): Promise<void> {
  const target = { type: "region", id: details.region };
  await change.audit({ action, target, reason, details });
  await change.outbox({ type: action, payload: { region: details.region, kind: details.kind } });
}
