import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import {
  INTEGRATION_LIMITS,
  type Integration,
  type IntegrationListQuery,
  type IntegrationStatus,
} from "../contract/integration.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import type { IntegrationTable } from "./schema.ts";
import { refuseOtherVersion } from "./tenantProblem.ts";

/** Connectors as tenants have them. Whether a tenant may have one is asked by who calls; it is not kept with the row. */
export type IntegrationRecord = Omit<Integration, "entitled">;

export interface IntegrationFacts {
  readonly tenantId: string;
  readonly connectorKey: string;
  readonly connectorVersion: string;
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly secretRefs: Readonly<Record<string, string>>;
}

/** Audits `integration.created`, with the names of settings and references and without what they say. */
export async function integrationCreate(
  change: Change,
  facts: IntegrationFacts,
  reason?: string,
): Promise<IntegrationRecord> {
  await refuseMany(change.db, facts.tenantId);
  const record: IntegrationRecord = {
    integrationId: newId(),
    ...facts,
    settings: { ...facts.settings },
    secretRefs: { ...facts.secretRefs },
    status: "enabled",
    recordVersion: 1,
    createdBy: change.context.actor.id,
    createdAt: change.now,
    updatedAt: change.now,
  };
  await refuseTaken(change.db, record);
  await change.db.insertInto("integrations").values(toRow(record)).execute();
  await announce(change, record, "integration.created", reason, {
    settings: Object.keys(facts.settings),
    secretRefs: Object.keys(facts.secretRefs),
  });
  return record;
}

export interface IntegrationUpdateOptions {
  /** From If-Match: the change is refused when the record has another version. */
  readonly expectedVersion?: number | undefined;
  readonly reason?: string | undefined;
}

export interface IntegrationEdit {
  readonly connectorVersion?: string | undefined;
  readonly name?: string | undefined;
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly secretRefs?: Readonly<Record<string, string>> | undefined;
}

/** Audits `integration.updated` with what has changed; an edit that changes nothing writes nothing. */
export async function integrationUpdate(
  change: Change,
  before: IntegrationRecord,
  edit: IntegrationEdit,
  { expectedVersion, reason }: IntegrationUpdateOptions = {},
): Promise<IntegrationRecord> {
  refuseOtherVersion("integration", before, expectedVersion);
  const fields = Object.entries(edit).filter(([name, to]) => to !== undefined && !same(before, name, to));
  if (fields.length === 0) return before;
  const after: IntegrationRecord = { ...before, ...Object.fromEntries(fields) };
  if (after.name !== before.name) await refuseTaken(change.db, after);
  return write(change, after, "integration.updated", reason, {
    changed: Object.fromEntries(fields.map(([name, to]) => [name, told(before, name, to)])),
  });
}

/** Audits `integration.enabled` or `integration.disabled`; one that is so already stays as it is. */
export async function integrationSwitch(
  change: Change,
  before: IntegrationRecord,
  status: IntegrationStatus,
  { expectedVersion, reason }: IntegrationUpdateOptions = {},
): Promise<IntegrationRecord> {
  refuseOtherVersion("integration", before, expectedVersion);
  if (before.status === status) return before;
  return write(change, { ...before, status }, `integration.${status}`, reason, {});
}

/** Audits `integration.removed`, which keeps what it was. */
export async function integrationRemove(
  change: Change,
  before: IntegrationRecord,
  { expectedVersion, reason }: IntegrationUpdateOptions = {},
): Promise<void> {
  refuseOtherVersion("integration", before, expectedVersion);
  const { integrationId, settings, secretRefs } = before;
  await change.db.deleteFrom("integrations").where("integrationId", "=", integrationId).execute();
  await announce(change, before, "integration.removed", reason, {
    settings,
    // Without their names: what stands under a name such as TOKEN is taken for a token and blotted out.
    keptAt: Object.values(secretRefs),
  });
}

export async function integrationGet(
  db: Reader,
  tenantId: string,
  integrationId: string,
): Promise<IntegrationRecord> {
  const row = await db
    .selectFrom("integrations")
    .selectAll()
    .where("integrationId", "=", integrationId)
    .where("tenantId", "=", tenantId)
    .executeTakeFirst();
  if (row !== undefined) return fromRow(row);
  throw new ProblemError("integration_not_found", {
    detail: `Cannot find the integration ${integrationId}: the tenant has none with this id.`,
    hint: `List them with GET /v1/control-plane/tenants/${tenantId}/integrations.`,
    errors: [
      { path: "path.integrationId", message: "is no integration of the tenant", value: integrationId },
    ],
  });
}

/** Newest first. */
export async function integrationList(
  db: Reader,
  tenantId: string,
  query: IntegrationListQuery,
): Promise<Page<IntegrationRecord>> {
  const found = await integrationListQuery(db, tenantId, query).execute();
  return toPage(found, query.limit, fromRow, (row) => [row.createdAt, row.integrationId]);
}

/** The statement of `integrationList`, so that a test can ask the database how it would run it. */
export function integrationListQuery(db: Reader, tenantId: string, query: IntegrationListQuery) {
  let rows = db.selectFrom("integrations").selectAll().where("tenantId", "=", tenantId);
  if (query.connectorKey) rows = rows.where("connectorKey", "=", query.connectorKey);
  if (query.status) rows = rows.where("status", "=", query.status);
  if (query.cursor) {
    const [createdAt, integrationId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "integrationId"), "<", tuple(createdAt, integrationId)),
    );
  }
  return rows
    .orderBy("createdAt", "desc")
    .orderBy("integrationId", "desc")
    .limit(query.limit + 1);
}

async function write(
  change: Change,
  after: IntegrationRecord,
  action: string,
  reason: string | undefined,
  details: Record<string, unknown>,
): Promise<IntegrationRecord> {
  const record = { ...after, recordVersion: after.recordVersion + 1, updatedAt: change.now };
  const { integrationId, ...row } = toRow(record);
  await change.db.updateTable("integrations").set(row).where("integrationId", "=", integrationId).execute();
  await announce(change, record, action, reason, details);
  return record;
}

async function refuseMany(db: Reader, tenantId: string): Promise<void> {
  const { count } = await db
    .selectFrom("integrations")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("tenantId", "=", tenantId)
    .executeTakeFirstOrThrow();
  if (Number(count) < INTEGRATION_LIMITS.perTenant) return;
  throw new ProblemError("too_many_integrations", {
    detail: `Cannot connect the tenant: it may have ${INTEGRATION_LIMITS.perTenant} integrations, and has ${Number(count)}.`,
    hint: "Remove integrations that are no longer used.",
    errors: [{ path: "body.name", message: "is one integration too many" }],
  });
}

/** Inside the tenant's own change, so nobody takes the name between this and the write. */
async function refuseTaken(db: Reader, { tenantId, name }: IntegrationRecord): Promise<void> {
  const taken = await db
    .selectFrom("integrations")
    .select("integrationId")
    .where("tenantId", "=", tenantId)
    .where("name", "=", name)
    .executeTakeFirst();
  if (taken === undefined) return;
  throw new ProblemError("duplicate_integration", {
    detail: `Cannot name the integration "${name}": another of the tenant's has this name.`,
    hint: `Choose another name, or change the one that has it: ${taken.integrationId}.`,
    errors: [{ path: "body.name", message: "is taken", value: name }],
  });
}

const HELD_BACK = new Set(["settings", "secretRefs"]);

/** What is configured can say more than an audit trail should repeat; names are enough to know what was touched. */
function told(before: IntegrationRecord, name: string, to: unknown): unknown {
  if (!HELD_BACK.has(name)) return { from: before[name as keyof IntegrationRecord], to };
  return { names: Object.keys(to as object) };
}

function same(before: IntegrationRecord, name: string, to: unknown): boolean {
  return JSON.stringify(before[name as keyof IntegrationRecord]) === JSON.stringify(to);
}

async function announce(
  change: Change,
  { integrationId, tenantId, connectorKey, connectorVersion, status, recordVersion }: IntegrationRecord,
  action: string,
  reason: string | undefined,
  details: Record<string, unknown>,
): Promise<void> {
  const facts = { connectorKey, connectorVersion, recordVersion };
  await change.audit({
    ...{ action, target: { type: "integration", id: integrationId }, tenantId, reason: reason ?? null },
    details: { ...facts, ...details },
  });
  await change.outbox({ type: action, tenantId, payload: { integrationId, tenantId, status, ...facts } });
}

function toRow({ settings, secretRefs, ...rest }: IntegrationRecord): Selectable<IntegrationTable> {
  return { ...rest, settings: toJson(settings), secretRefs: toJson(secretRefs) };
}

function fromRow({ settings, secretRefs, ...rest }: Selectable<IntegrationTable>): IntegrationRecord {
  return { ...rest, settings: fromJson(settings), secretRefs: fromJson(secretRefs) };
}
