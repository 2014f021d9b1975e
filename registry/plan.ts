import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import { PLAN_LIMITS, type PlanSpec, type PlanSummary, type PlanVersion } from "../contract/plan.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { pageAfter, pageAfterNumber, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import type { PlanTable, PlanVersionTable } from "./schema.ts";

/** The catalog of plans. A version is never rewritten; who is bound to which is said by the tenant (planBinding.ts). */

/**
 * Makes the plan's next version, or the first; audits `plan.version_created` on the fleet's chain. What says the same as the
 * newest is that one.
 */
export async function planVersionCreate(
  change: Change,
  plan: string,
  spec: PlanSpec,
  reason?: string,
): Promise<PlanVersion> {
  const before = await planFind(change.db, plan);
  const digest = planDigest(spec);
  if (before?.digest === digest) return before;
  if (before === undefined) await refuseMany(change.db);
  const version = (before?.version ?? 0) + 1;
  const row = { planKey: plan, latestVersion: version, displayName: spec.displayName, updatedAt: change.now };
  await change.db
    .insertInto("plans")
    .values(row)
    .onConflict((conflict) => conflict.column("planKey").doUpdateSet(row))
    .execute();
  const createdBy = change.context.actor.id;
  const written = { digest, createdBy, createdAt: change.now };
  await change.db
    .insertInto("planVersions")
    .values({ planKey: plan, version, spec: toJson(spec), ...written })
    .execute();
  await keepCapabilities(change, Object.keys(spec.features));
  await change.audit({
    action: "plan.version_created",
    target: { type: "plan", id: plan },
    reason: reason ?? null,
    details: { version, digest, previousDigest: before?.digest ?? null },
  });
  await change.outbox({ type: "plan.version_created", payload: { plan, version, digest } });
  return { plan, version, ...spec, ...written };
}

export function planDigest(spec: PlanSpec): string {
  return createHash("sha256").update(canonicalJson(spec)).digest("hex");
}

/** What any version of any plan has named: what an override may name, and stays so. */
async function keepCapabilities(change: Change, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await change.db
    .insertInto("capabilities")
    .values(keys.map((capabilityKey) => ({ capabilityKey, createdAt: change.now })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** The newest version when none is named. */
export async function planFind(db: Reader, plan: string, version?: number): Promise<PlanVersion | undefined> {
  let rows = db.selectFrom("planVersions").selectAll().where("planKey", "=", plan);
  if (version !== undefined) rows = rows.where("version", "=", version);
  const row = await rows.orderBy("version", "desc").limit(1).executeTakeFirst();
  return row && fromRow(row);
}

/** Throws unknown_plan, with the plans there are: for a plan that a request names in its body. */
export async function planGet(db: Reader, plan: string, version?: number): Promise<PlanVersion> {
  const found = await planFind(db, plan, version);
  if (found !== undefined) return found;
  const newest = version === undefined ? undefined : await planFind(db, plan);
  if (newest !== undefined) {
    throw new ProblemError("unknown_plan", {
      detail: `Cannot use the plan ${plan}: its version must be 1 to ${newest.version}, got ${version}.`,
      hint: `List its versions with GET /v1/control-plane/plans/${plan}/versions.`,
      errors: [{ path: "body.planVersion", message: `is no version of ${plan}`, value: version }],
    });
  }
  const known = (await planKeys(db)).join(", ");
  throw new ProblemError("unknown_plan", {
    detail: `Cannot use the plan ${plan}: it must be one of the catalog's, which are ${known}.`,
    hint: "List plans with GET /v1/control-plane/plans, or apply a catalog that has this one.",
    errors: [{ path: "body.plan", message: `must be one of ${known}`, value: plan }],
  });
}

/** By key; never more than PLAN_LIMITS.plans. */
export async function planKeys(db: Reader): Promise<string[]> {
  const rows = await db.selectFrom("plans").select("planKey").orderBy("planKey").execute();
  return rows.map(({ planKey }) => planKey);
}

/** By key. */
export async function planList(db: Reader, page: PageRequest): Promise<Page<PlanSummary>> {
  let rows = db.selectFrom("plans").selectAll();
  if (page.cursor) rows = rows.where("planKey", ">", pageAfter(page.cursor)[1]);
  const found = await rows
    .orderBy("planKey")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, toSummary, (row) => [row.updatedAt, row.planKey]);
}

/** Newest first. */
export async function planVersionList(
  db: Reader,
  plan: string,
  page: PageRequest,
): Promise<Page<PlanVersion>> {
  let rows = db.selectFrom("planVersions").selectAll().where("planKey", "=", plan);
  if (page.cursor) rows = rows.where("version", "<", pageAfterNumber(page.cursor, 1));
  const found = await rows
    .orderBy("version", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, fromRow, (row) => [row.createdAt, String(row.version)]);
}

/** Of all plans the newest version. */
export async function planLatestAll(db: Reader): Promise<PlanVersion[]> {
  const rows = await db
    .selectFrom("planVersions")
    .innerJoin("plans", (join) =>
      join
        .onRef("plans.planKey", "=", "planVersions.planKey")
        .onRef("plans.latestVersion", "=", "planVersions.version"),
    )
    .selectAll("planVersions")
    .orderBy("planVersions.planKey")
    .execute();
  return rows.map(fromRow);
}

export async function capabilityKeys(db: Reader): Promise<string[]> {
  const rows = await db.selectFrom("capabilities").select("capabilityKey").orderBy("capabilityKey").execute();
  return rows.map(({ capabilityKey }) => capabilityKey);
}

async function refuseMany(db: Reader): Promise<void> {
  const { length } = await planKeys(db);
  if (length < PLAN_LIMITS.plans) return;
  throw new ProblemError("too_many_plans", {
    detail: `Cannot make the plan: there may be ${PLAN_LIMITS.plans}, and there are ${length}.`,
    hint: "Make a new version of a plan that is no longer sold instead.",
    errors: [{ path: "metadata.key", message: "is one plan too many" }],
  });
}

function toSummary({ planKey, ...rest }: Selectable<PlanTable>): PlanSummary {
  return { plan: planKey, ...rest };
}

function fromRow({ planKey, spec, ...rest }: Selectable<PlanVersionTable>): PlanVersion {
  return { plan: planKey, ...fromJson(spec), ...rest };
}
