import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Plane } from "../contract/plane.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import type { PlaneTable } from "./schema.ts";

export type PlaneFacts = Pick<
  Plane,
  "name" | "environment" | "region" | "accountId" | "stackName" | "outputs"
>;

/**
 * Records a plane or what has become of it; audits `plane.recorded`. Outputs that have not changed keep the record's
 * version, so that a routine refresh does not look like a change. It refuses another environment or region: the targets on the
 * plane are in the one it was recorded with, and would be taken for moved.
 */
export async function planeRecord(change: Change, facts: PlaneFacts): Promise<Plane> {
  const before = await planeFind(change.db, facts.name);
  if (before !== undefined && sameFacts(before, facts)) return before;
  if (before !== undefined) refuseElsewhere(before, facts);
  const plane: Plane = {
    ...facts,
    dedicatedTo: dedicatedTo(facts),
    planeId: before?.planeId ?? newId(),
    recordVersion: (before?.recordVersion ?? 0) + 1,
    createdAt: before?.createdAt ?? change.now,
    updatedAt: change.now,
  };
  await refuseSharedAccount(change.db, plane);
  const row = { ...plane, outputs: toJson(plane.outputs) };
  if (before === undefined) await change.db.insertInto("planes").values(row).execute();
  else await change.db.updateTable("planes").set(row).where("planeId", "=", plane.planeId).execute();
  const { planeId, name, recordVersion, region, accountId, stackName } = plane;
  await change.audit({
    action: "plane.recorded",
    target: { type: "plane", id: planeId },
    details: { name, recordVersion, region, accountId, stackName, dedicatedTo: plane.dedicatedTo },
  });
  await change.outbox({ type: "plane.recorded", payload: { planeId, name, recordVersion } });
  return plane;
}

export async function planeFind(db: Reader, name: string): Promise<Plane | undefined> {
  const row = await db.selectFrom("planes").selectAll().where("name", "=", name).executeTakeFirst();
  return row && fromRow(row);
}

export async function planeGet(db: Reader, name: string): Promise<Plane> {
  const plane = await planeFind(db, name);
  if (plane !== undefined) return plane;
  throw new ProblemError("plane_not_found", {
    detail: `Cannot find a plane named ${name}.`,
    hint: "Bring it up with pulumi up, then record it with POST /v1/control-plane/planes.",
    errors: [{ path: "path.planeName", message: "is no recorded plane", value: name }],
  });
}

/** All of them, by name: a plane an environment and region, and those of single tenants. */
export async function planeAll(db: Reader): Promise<Plane[]> {
  const rows = await db.selectFrom("planes").selectAll().orderBy("name").execute();
  return rows.map(fromRow);
}

/** Newest first. */
export async function planeList(db: Reader, page: PageRequest): Promise<Page<Plane>> {
  let rows = db.selectFrom("planes").selectAll();
  if (page.cursor) {
    const [createdAt, planeId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "planeId"), "<", tuple(createdAt, planeId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("planeId", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, fromRow, (row) => [row.createdAt, row.planeId]);
}

function refuseElsewhere(before: Plane, facts: PlaneFacts): void {
  for (const member of ["environment", "region"] as const) {
    if (facts[member] === before[member]) continue;
    throw new ProblemError("plane_missing", {
      detail:
        `Cannot use the plane ${before.name}: its ${member} must stay ${before[member]}, where its targets are, ` +
        `but the stack made ${facts[member]}.`,
      hint: `Bring up a plane of another name for ${facts[member]}.`,
      errors: [
        { path: `plane.outputs.${member}`, message: `is not ${before[member]}`, value: facts[member] },
      ],
    });
  }
}

/** An account with a tenant's own plane holds that tenant's planes and no other. */
async function refuseSharedAccount(db: Reader, plane: Plane): Promise<void> {
  const neighbours = await db
    .selectFrom("planes")
    .select(["planeId", "name", "dedicatedTo"])
    .where("accountId", "=", plane.accountId)
    .execute();
  const other = neighbours.find((neighbour) => neighbour.dedicatedTo !== plane.dedicatedTo);
  if (other === undefined) return;
  const whose = plane.dedicatedTo ?? other.dedicatedTo;
  throw new ProblemError("plane_not_dedicated", {
    detail:
      `Cannot record the plane ${plane.name}: the account ${plane.accountId} must be the tenant ${whose}'s alone, ` +
      `but ${other.name} is in it and is not that tenant's.`,
    hint: "Give the tenant's plane an account of its own with tenantry:aws.assumeRole: see docs/isolation.md.",
    errors: [{ path: "plane.outputs.accountId", message: "is shared", value: plane.accountId }],
  });
}

function dedicatedTo({ outputs }: PlaneFacts): string | null {
  return typeof outputs.dedicatedTo === "string" ? outputs.dedicatedTo : null;
}

function sameFacts(plane: Plane, facts: PlaneFacts): boolean {
  const { name, environment, region, accountId, stackName, outputs } = plane;
  return (
    canonicalJson({ name, environment, region, accountId, stackName, outputs }) ===
    canonicalJson({ ...facts })
  );
}

function fromRow(row: Selectable<PlaneTable>): Plane {
  return { ...row, outputs: fromJson(row.outputs) };
}
