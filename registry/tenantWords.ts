import { domainToUnicode } from "node:url";
import type { Change } from "./registry.ts";
import { SEARCH_LIMITS, wordsOf } from "./searchText.ts";

const ROWS_PER_INSERT = 200;

/**
 * Brings the words by which a tenant is found up to what is recorded of it. Whoever changes a tenant's slug, name, labels, domains or
 * external ids calls it in the same change.
 */
export async function tenantWordsWrite(change: Change, tenantId: string): Promise<void> {
  const { db } = change;
  const wanted = new Set(wordsOf(await textsOf(change, tenantId), SEARCH_LIMITS.wordsPerTenant));
  const rows = await db.selectFrom("tenantWords").select("word").where("tenantId", "=", tenantId).execute();
  const kept = new Set(rows.map(({ word }) => word));
  const gone = [...kept].filter((word) => !wanted.has(word));
  if (gone.length > 0) {
    await db.deleteFrom("tenantWords").where("tenantId", "=", tenantId).where("word", "in", gone).execute();
  }
  const added = [...wanted].filter((word) => !kept.has(word)).map((word) => ({ tenantId, word }));
  for (let from = 0; from < added.length; from += ROWS_PER_INSERT) {
    await db
      .insertInto("tenantWords")
      .values(added.slice(from, from + ROWS_PER_INSERT))
      .execute();
  }
}

/** What matters most first: a tenant with too many words is still found by these. */
async function textsOf({ db }: Change, tenantId: string): Promise<string[]> {
  const tenant = await db
    .selectFrom("tenants")
    .select(["slug", "displayName", "primaryDomain"])
    .where("tenantId", "=", tenantId)
    .executeTakeFirst();
  if (tenant === undefined) return [];
  const ids = await db
    .selectFrom("tenantExternalIds")
    .select("externalId")
    .where("tenantId", "=", tenantId)
    .orderBy("system")
    .execute();
  const domains = await db
    .selectFrom("domains")
    .select("domain")
    .where("tenantId", "=", tenantId)
    .where("removedAt", "is", null)
    .orderBy("domain")
    .execute();
  const labels = await db
    .selectFrom("tenantLabels")
    .select(["key", "value"])
    .where("tenantId", "=", tenantId)
    .orderBy("key")
    .execute();
  return [
    tenant.slug,
    tenant.displayName,
    ...[tenant.primaryDomain ?? "", ...domains.map(({ domain }) => domain)].flatMap(bothSpellings),
    ...ids.map(({ externalId }) => externalId),
    ...labels.flatMap(({ key, value }) => [key, value]),
  ];
}

/** People look for what they read, machines for what the DNS has. */
function bothSpellings(domain: string): string[] {
  return domain.includes("xn--") ? [domain, domainToUnicode(domain)] : [domain];
}
