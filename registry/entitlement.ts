import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import type { BundleContent } from "../contract/entitlement.ts";
import { type BundleEntries, evaluateEntitlements } from "../contract/entitlementEvaluation.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { entitlementOverrides } from "./entitlementOverride.ts";
import { fromJson, toJson } from "./json.ts";
import { type PlanBinding, planOf } from "./planBinding.ts";
import { prepared } from "./prepared.ts";
import type { Change, Reader } from "./registry.ts";
import type { EntitlementBundleTable } from "./schema.ts";

/**
 * What each tenant may do, as it was last evaluated (contract/entitlementEvaluation.ts). It is evaluated in the change that gives
 * reason to: the tenant is bound to a plan's version, an override is set, removed or ends. So the version of what is kept
 * grows exactly when something else comes out, and a reader never sees one without the other.
 */
export interface KeptBundle {
  readonly tenantId: string;
  readonly version: number;
  readonly content: BundleContent;
  readonly nextChangeAt: string | null;
  readonly changedAt: string;
}

export interface FoundBundle extends KeptBundle {
  readonly tenantDeletedAt: string | null;
}

interface Bound extends PlanBinding {
  readonly tenantId: string;
}

/** The first of a tenant that is made: what it may do is part of its making, and no change. */
export async function entitlementsFirst(change: Change, tenant: Bound): Promise<void> {
  const { content, nextChangeAt } = await evaluated(change, tenant);
  await change.db
    .insertInto("entitlementBundles")
    .values(toRow(change, { tenantId: tenant.tenantId, version: 1, content, nextChangeAt }))
    .execute();
}

/**
 * Evaluates again and keeps what comes out when it is something else: the next version, audited and told as
 * `entitlement.changed`. Gives the version that holds. With `anew` it is the next version though nothing else is allowed than before: what is said of an
 * override (its reason, who set it) has changed, and nobody may write over that unseen.
 */
export async function entitlementsRefresh(
  change: Change,
  tenant: Bound,
  because: string,
  reason?: string,
  anew = false,
): Promise<number> {
  const { tenantId } = tenant;
  const before = await bundleFind(change.db, tenantId);
  const { content, nextChangeAt } = await evaluated(change, tenant);
  const changed = changedEntries(before?.content.entitlements ?? {}, content.entitlements);
  const isSame = before !== undefined && digestOf(before.content) === digestOf(content);
  const version = (before?.version ?? 0) + (isSame && !anew ? 0 : 1);
  if (isSame && !anew && before.nextChangeAt === nextChangeAt) return version;
  const row = toRow(change, { tenantId, version, content, nextChangeAt });
  const kept = isSame && !anew ? { ...row, changedAt: before.changedAt } : row;
  await change.db
    .insertInto("entitlementBundles")
    .values(kept)
    .onConflict((conflict) => conflict.column("tenantId").doUpdateSet(kept))
    .execute();
  if (isSame && !anew) return version;
  const { plan, planVersion } = content;
  await change.audit({
    action: "entitlement.changed",
    target: { type: "tenant", id: tenantId },
    tenantId,
    reason: reason ?? null,
    details: { version, plan, planVersion, because, changed },
  });
  await change.outbox({
    type: "entitlement.changed",
    tenantId,
    payload: { tenantId, version, plan, planVersion, because, changed },
  });
  return version;
}

async function evaluated(change: Change, tenant: Bound) {
  const { features } = await planOf(change.db, tenant);
  const rules = await entitlementOverrides(change.db, tenant.tenantId);
  const { entitlements, nextChangeAt } = evaluateEntitlements(features, rules, change.now);
  const { plan, planVersion } = tenant;
  const content: BundleContent = { plan, planVersion, entitlements };
  return { content, nextChangeAt };
}

/** Old and new of what a caller is allowed; a new source alone is no change of that. */
function changedEntries(before: BundleEntries, after: BundleEntries): Record<string, unknown> {
  // Maps: a key such as `constructor` names nothing but what was written.
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const keys = [...new Set([...old.keys(), ...now.keys()])].sort();
  const changed: Record<string, unknown> = {};
  for (const key of keys) {
    const [from, to] = [old.get(key), now.get(key)];
    if (canonicalJson(from ?? null) === canonicalJson(to ?? null)) continue;
    changed[key] = { from: from?.enabled ?? null, to: to?.enabled ?? null, source: to?.source ?? null };
  }
  return changed;
}

const bundleOfTenant = prepared((db, tenantId: string) =>
  db
    .selectFrom("entitlementBundles")
    .innerJoin("tenants", "tenants.tenantId", "entitlementBundles.tenantId")
    .selectAll("entitlementBundles")
    .select("tenants.deletedAt as tenantDeletedAt")
    .where("entitlementBundles.tenantId", "=", tenantId),
);

export async function bundleFind(db: Reader, tenantId: string): Promise<FoundBundle | undefined> {
  const [row] = await bundleOfTenant(db, tenantId);
  if (row === undefined) return undefined;
  const { tenantDeletedAt, ...kept } = row;
  return { ...fromRow(kept), tenantDeletedAt };
}

/** Tenants of which an override has ended since it was evaluated, the longest ago first. */
export async function bundlesDue(db: Reader, now: string, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("entitlementBundles")
    .select("tenantId")
    .where("nextChangeAt", "<=", now)
    .orderBy("nextChangeAt")
    .orderBy("tenantId")
    .limit(limit)
    .execute();
  return rows.map(({ tenantId }) => tenantId);
}

/** The versions that came to be after a time, the newest last. */
export async function bundlesChangedAfter(
  db: Reader,
  after: string,
): Promise<readonly Pick<KeptBundle, "tenantId" | "version" | "changedAt">[]> {
  return await db
    .selectFrom("entitlementBundles")
    .select(["tenantId", "version", "changedAt"])
    .where("changedAt", ">", after)
    .orderBy("changedAt")
    .execute();
}

export async function bundlesNewest(db: Reader): Promise<string | undefined> {
  const row = await db
    .selectFrom("entitlementBundles")
    .select("changedAt")
    .orderBy("changedAt", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.changedAt;
}

function digestOf(content: BundleContent): string {
  return createHash("sha256").update(canonicalJson(content)).digest("hex");
}

function toRow(
  change: Change,
  { content, ...rest }: Omit<KeptBundle, "changedAt">,
): Selectable<EntitlementBundleTable> {
  return {
    ...rest,
    content: toJson(content),
    digest: digestOf(content),
    changedBy: change.context.actor.id,
    changedAt: change.now,
  };
}

function fromRow({ content, digest: _digest, changedBy: _by, ...rest }: Selectable<EntitlementBundleTable>) {
  return { ...rest, content: fromJson(content) } satisfies KeptBundle;
}
