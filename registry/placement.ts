import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { IsolationParts, Placement } from "../contract/placement.ts";
import type { Plane } from "../contract/plane.ts";
import type { Target } from "../contract/target.ts";
import type { Tenant } from "../contract/tenant.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { requireIsolationInPlan, sameBinding } from "./planBinding.ts";
import type { Change, Reader } from "./registry.ts";
import type { PlacementTable } from "./schema.ts";

/** Where targets were put and why. Decisions are never rewritten: another one is another target. */

export interface PlacementRecord {
  readonly target: Pick<Target, "targetId" | "tenantId" | "generation">;
  readonly plane: Pick<Plane, "name" | "environment" | "region" | "accountId">;
  readonly isolation: IsolationParts;
  readonly reasons: readonly string[];
}

/** Audits `placement.decided`. */
export async function placementRecord(change: Change, input: PlacementRecord): Promise<Placement> {
  const { target, plane, isolation } = input;
  const { targetId, tenantId, generation } = target;
  const placement: Placement = {
    placementId: newId(),
    tenantId,
    targetId,
    planeName: plane.name,
    environment: plane.environment,
    region: plane.region,
    accountId: plane.accountId,
    generation,
    isolation,
    reasons: [...input.reasons],
    decidedAt: change.now,
  };
  const row = {
    ...placement,
    isolation: toJson(isolation),
    reasons: toJson(placement.reasons),
    cidrBlock: isolation.network === "subnets" ? isolation.cidrBlock : null,
  };
  await change.db.insertInto("placements").values(row).execute();
  await change.audit({
    action: "placement.decided",
    target: { type: "target", id: targetId },
    tenantId,
    details: { planeName: plane.name, generation, isolation, reasons: placement.reasons },
  });
  return placement;
}

/** The target's own; undefined for targets of before there were placements, which are pooled. */
export async function placementOf(db: Reader, targetId: string): Promise<Placement | undefined> {
  const row = await db
    .selectFrom("placements")
    .selectAll()
    .where("targetId", "=", targetId)
    .orderBy("decidedAt", "desc")
    .orderBy("placementId", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && fromRow(row);
}

/** Of each target the newest, at most some hundreds at once. */
export async function placementsOf(
  db: Reader,
  targetIds: readonly string[],
): Promise<Map<string, Placement>> {
  const rows = await db
    .selectFrom("placements")
    .selectAll()
    .where("targetId", "in", [...targetIds])
    .orderBy("decidedAt")
    .orderBy("placementId")
    .execute();
  return new Map(rows.map((row) => [row.targetId, fromRow(row)]));
}

/** Newest first. */
export async function placementList(
  db: Reader,
  tenantId: string,
  page: PageRequest,
): Promise<Page<Placement>> {
  let rows = db.selectFrom("placements").selectAll().where("tenantId", "=", tenantId);
  if (page.cursor) {
    const [decidedAt, placementId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("decidedAt", "placementId"), "<", tuple(decidedAt, placementId)),
    );
  }
  const found = await rows
    .orderBy("decidedAt", "desc")
    .orderBy("placementId", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, fromRow, (row) => [row.decidedAt, row.placementId]);
}

export interface PlaneUse {
  readonly targets: number;
  /** Blocks of the plane's network that live targets have as their own subnets. */
  readonly cidrBlocks: readonly string[];
}

/** How full each plane is. */
export async function planeUses(db: Reader): Promise<ReadonlyMap<string, PlaneUse>> {
  const counts = await db
    .selectFrom("targets")
    .select((eb) => ["planeName", eb.fn.countAll().as("count")])
    .where("deletedAt", "is", null)
    .groupBy("planeName")
    .execute();
  const blocks = await db
    .selectFrom("placements")
    .innerJoin("targets", "targets.targetId", "placements.targetId")
    .select(["placements.planeName", "placements.cidrBlock"])
    .where("targets.deletedAt", "is", null)
    .where("placements.cidrBlock", "is not", null)
    .execute();
  return new Map(
    counts.map(({ planeName, count }) => [
      planeName,
      {
        targets: Number(count),
        cidrBlocks: blocks.flatMap((row) =>
          row.planeName === planeName && row.cidrBlock !== null ? [row.cidrBlock] : [],
        ),
      },
    ]),
  );
}

/**
 * What a tenant's record may say of its place. The plan must offer the isolation; a tenant that has targets keeps its
 * isolation and may not declare a region illegal where it is: both move data, which a migration does.
 */
export async function requirePlaceable(db: Reader, before: Tenant, after: Tenant): Promise<void> {
  const isMoved = before.isolation !== after.isolation || !sameRegions(before, after);
  if (!isMoved && sameBinding(before, after)) return;
  await requireIsolationInPlan(db, after, after.isolation);
  const live = await db
    .selectFrom("targets")
    .select(["planeName", "region"])
    .where("tenantId", "=", after.tenantId)
    .where("deletedAt", "is", null)
    .execute();
  if (live.length > 0 && before.isolation !== after.isolation) throw isolationMoves(before, after);
  const { allowed } = after.regions;
  const outside = live.find(({ region }) => allowed.length > 0 && !allowed.includes(region));
  if (outside !== undefined && !sameRegions(before, after)) throw regionMoves(outside.planeName, after);
}

function isolationMoves(before: Tenant, after: Tenant): ProblemError {
  return new ProblemError("isolation_change_needs_migration", {
    detail:
      `Cannot change the isolation: it must stay ${before.isolation} while the tenant has targets, ` +
      `got ${after.isolation}. Its data lies where its isolation put it.`,
    hint: "A migration moves it: see docs/isolation.md#changing-the-isolation-of-a-live-tenant.",
    errors: [{ path: "body.isolation", message: "is not what the tenant has", value: after.isolation }],
  });
}

function regionMoves(planeName: string, after: Tenant): ProblemError {
  return new ProblemError("region_not_allowed", {
    detail: `Cannot change the regions: those allowed must include where the tenant is, but it is on ${planeName}.`,
    hint: "Keep that region allowed, or move the tenant first: see docs/isolation.md#regions.",
    errors: [
      { path: "body.regions.allowed", message: `leaves out ${planeName}`, value: after.regions.allowed },
    ],
  });
}

function sameRegions(left: Tenant, right: Tenant): boolean {
  return left.regions.allowed.join() === right.regions.allowed.join();
}

function fromRow(row: Selectable<PlacementTable>): Placement {
  const { cidrBlock: _cidrBlock, ...rest } = row;
  return { ...rest, isolation: fromJson(row.isolation), reasons: fromJson(row.reasons) };
}
