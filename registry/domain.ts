import { randomBytes } from "node:crypto";
import { domainToUnicode } from "node:url";
import type { Page } from "../contract/common.ts";
import { CHALLENGE_LABEL, DOMAIN_LIMITS, type Domain, type DomainListQuery } from "../contract/domain.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import type { Change, Reader } from "./registry.ts";
import type { DomainLookTable, DomainTable } from "./schema.ts";
import { tenantWordsWrite } from "./tenantWords.ts";

/**
 * Tenants' own domains. Any number of tenants may claim one; `verifiedDomain` lets only one have it. What was seen of a
 * domain's record is kept apart from what was decided about it.
 */
export interface DomainClaim {
  readonly tenantId: string;
  readonly planeName: string;
  /** As DNS has it. */
  readonly domain: string;
}

const TOKEN_BYTES = 24;

/** Audits `domain.claimed`. */
export async function domainCreate(
  change: Change,
  { tenantId, planeName, domain }: DomainClaim,
  reason: string | null,
): Promise<Domain> {
  await refuseClaim(change.db, tenantId, domain);
  const row: DomainRow = {
    ...{ domainId: newId(), tenantId, planeName, domain, verifiedDomain: null, status: "pending" },
    token: randomBytes(TOKEN_BYTES).toString("hex"),
    ...{ verifiedAt: null, failingSince: null, recordVersion: 1, removedAt: null },
    ...{ createdAt: change.now, createdBy: change.context.actor.id, updatedAt: change.now },
  };
  const look = { looks: 0, checkedAt: null, problem: null, nextCheckAt: change.now };
  await change.db.insertInto("domains").values(row).execute();
  await change.db
    .insertInto("domainLooks")
    .values({ domainId: row.domainId, ...look })
    .execute();
  await tenantWordsWrite(change, tenantId);
  await announce(change, row, "domain.claimed", reason);
  return shown({ ...row, ...look });
}

/** What becomes of a domain by a decision; the first member that differs is in the event's name. */
export interface DomainPatch {
  readonly status: Domain["status"];
  readonly failingSince?: string | null;
}

/** Audits `domain.<event>`. A domain is routed exactly while it is `verified`. */
export async function domainSet(
  change: Change,
  before: Domain,
  { status, failingSince = null }: DomainPatch,
  event: string,
  { reason = null, nextCheckAt = null, problem = null }: DomainSeen & { readonly reason?: string | null },
): Promise<Domain> {
  const { domainId, domain } = before;
  const verified = status === "verified";
  const patch = {
    ...{ status, failingSince, updatedAt: change.now, recordVersion: before.recordVersion + 1 },
    verifiedDomain: verified ? domain : null,
    verifiedAt: verified ? (before.verifiedAt ?? change.now) : before.verifiedAt,
    removedAt: status === "removed" ? change.now : null,
  };
  await change.db.updateTable("domains").set(patch).where("domainId", "=", domainId).execute();
  const look = { looks: 0, checkedAt: change.now, problem, nextCheckAt };
  await change.db.updateTable("domainLooks").set(look).where("domainId", "=", domainId).execute();
  if (status === "removed" || before.status === "removed") await tenantWordsWrite(change, before.tenantId);
  const after = await domainGet(change.db, before.tenantId, domainId);
  await announce(change, after, `domain.${event}`, reason);
  return after;
}

export interface DomainSeen {
  readonly nextCheckAt?: string | null;
  readonly problem?: string | null;
}

/** A look that decided nothing. */
export async function domainSeen(books: Bookkeeping, domainId: string, seen: DomainSeen): Promise<void> {
  const { nextCheckAt = null, problem = null } = seen;
  await books.db
    .updateTable("domainLooks")
    .set((eb) => ({ looks: eb("looks", "+", 1), checkedAt: books.now, problem, nextCheckAt }))
    .where("domainId", "=", domainId)
    .execute();
}

export async function domainGet(db: Reader, tenantId: string, domainId: string): Promise<Domain> {
  const row = await joined(db)
    .where("domains.domainId", "=", domainId)
    .where("domains.tenantId", "=", tenantId)
    .executeTakeFirst();
  if (row !== undefined) return shown(row);
  throw new ProblemError("domain_not_found", {
    detail: `Cannot find domain ${domainId} of tenant ${tenantId}.`,
    hint: `List them with GET /v1/control-plane/tenants/${tenantId}/domains.`,
    errors: [{ path: "path.domainId", message: "is no domain of the tenant", value: domainId }],
  });
}

/** Who has the domain, of all who have claimed it. */
export async function domainHolder(db: Reader, domain: string): Promise<Domain | undefined> {
  const row = await joined(db).where("domains.verifiedDomain", "=", domain).executeTakeFirst();
  return row && shown(row);
}

/** Newest first. */
export async function domainList(
  db: Reader,
  tenantId: string,
  query: DomainListQuery,
): Promise<Page<Domain>> {
  let rows = joined(db).where("domains.tenantId", "=", tenantId);
  if (!query.removed) rows = rows.where("domains.removedAt", "is", null);
  if (query.cursor) {
    const [createdAt, domainId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("domains.createdAt", "domains.domainId"), "<", tuple(createdAt, domainId)),
    );
  }
  const found = await rows
    .orderBy("domains.createdAt", "desc")
    .orderBy("domains.domainId", "desc")
    .limit(query.limit + 1)
    .execute();
  return toPage(found, query.limit, shown, (row) => [row.createdAt, row.domainId]);
}

export interface DueDomain {
  readonly domain: Domain;
  readonly looks: number;
}

/** Those whose time to be looked for has come, the longest overdue first. */
export async function domainsDue(db: Reader, now: string, limit: number): Promise<DueDomain[]> {
  const rows = await joined(db)
    .where("domainLooks.nextCheckAt", "<=", now)
    .orderBy("domainLooks.nextCheckAt")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ domain: shown(row), looks: row.looks }));
}

type DomainRow = DomainTable;
type SeenRow = Omit<DomainLookTable, "domainId">;

function joined(db: Reader) {
  return db
    .selectFrom("domains")
    .innerJoin("domainLooks", "domainLooks.domainId", "domains.domainId")
    .selectAll("domains")
    .select(["looks", "checkedAt", "problem", "nextCheckAt"]);
}

function shown(row: DomainRow & SeenRow): Domain {
  const { token, verifiedDomain: _verified, looks: _looks, ...rest } = row;
  return {
    ...rest,
    displayName: domainToUnicode(row.domain),
    challenge: {
      recordName: `${CHALLENGE_LABEL}.${row.domain}`,
      recordType: "TXT",
      value: `tenantry-verification=${token}`,
    },
  };
}

async function refuseClaim(db: Reader, tenantId: string, domain: string): Promise<void> {
  const claims = await db
    .selectFrom("domains")
    .select("domain")
    .where("tenantId", "=", tenantId)
    .where("removedAt", "is", null)
    .execute();
  if (claims.some((claim) => claim.domain === domain)) {
    throw new ProblemError("duplicate_domain", {
      detail: `Cannot claim ${domain}: the tenant has claimed it already.`,
      hint: "Look for its record in the list of its domains, or remove the claim first.",
      errors: [{ path: "body.domain", message: "is claimed already", value: domain }],
    });
  }
  if (claims.length < DOMAIN_LIMITS.perTenant) return;
  throw new ProblemError("too_many_domains", {
    detail: `Cannot claim ${domain}: a tenant may have ${DOMAIN_LIMITS.perTenant} domains, and has ${claims.length}.`,
    hint: "Remove those that it no longer needs.",
    errors: [{ path: "body.domain", message: "is one domain too many", value: domain }],
  });
}

async function announce(
  change: Change,
  domain: Pick<Domain, "domainId" | "tenantId" | "planeName" | "domain" | "status">,
  action: string,
  reason: string | null,
): Promise<void> {
  const { domainId, tenantId, planeName, status } = domain;
  const details = { domain: domain.domain, planeName, status };
  await change.audit({ action, target: { type: "domain", id: domainId }, tenantId, reason, details });
  await change.outbox({ type: action, tenantId, payload: { domainId, ...details } });
}
