/**
 * What the API is held against: the shortest program that gives the same answers from the same database, and does nothing
 * else. No key, policy, limit, log line, metric, check of input, audit trail, or second kind of database. Run as a process of its own: its first
 * argument is the registry's file, its second a file of its own for what it is to write.
 */
import { randomUUID } from "node:crypto";
import Database from "better-sqlite3";
import express from "express";

const [registryFile = "", ownFile = ""] = process.argv.slice(2);
const registry = new Database(registryFile, { readonly: true });
const own = new Database(ownFile);
own.pragma("journal_mode = wal");
own.pragma("synchronous = full");
own.exec("create table tenants (tenant_id text primary key, slug text unique, record text)");

type Row = Record<string, string | number | null>;
const one = registry.prepare<[string], Row>("select * from tenants where tenant_id = ?");
const list = registry.prepare<[number], Row>(
  "select * from tenants where deleted_at is null order by created_at desc, tenant_id desc limit ?",
);
const search = registry.prepare<
  [string, string, number],
  Row
>(`select * from tenants where deleted_at is null and tenant_id in
  (select tenant_id from tenant_words where word >= ? and word < ?) order by created_at desc, tenant_id desc limit ?`);
const bundle = registry.prepare<[string], Row>("select * from entitlement_bundles where tenant_id = ?");
const insert = own.prepare("insert into tenants (tenant_id, slug, record) values (?, ?, ?)");

function tenantOf(row: Row) {
  const parsed = (column: string) => JSON.parse(String(row[column] ?? "null"));
  return {
    tenantId: row.tenant_id,
    slug: row.slug,
    displayName: row.display_name,
    status: row.status,
    requestedStatus: row.requested_status,
    plan: row.plan,
    planVersion: row.plan_version,
    primaryDomain: row.primary_domain,
    labels: parsed("labels"),
    planes: parsed("planes"),
    config: { settings: parsed("settings"), secretRefs: parsed("secret_refs") },
    isolation: row.isolation,
    regions: parsed("regions"),
    suspensionMode: row.suspension_mode,
    dataClassification: row.data_classification,
    managedBy: row.managed_by,
    legalHold: parsed("legal_hold"),
    decommissionAfter: row.decommission_after,
    recordVersion: row.record_version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    archivedAt: row.archived_at,
    deletedAt: row.deleted_at,
  };
}

const app = express();
app.disable("x-powered-by").disable("etag");
const base = "/v1/control-plane/tenants";
app.get(base, (request, response) => {
  const limit = Number(request.query.limit ?? 50);
  const word = request.query.search;
  const rows = typeof word === "string" ? search.all(word, `${word}\u{10ffff}`, limit) : list.all(limit);
  response.json({ items: rows.map(tenantOf), nextCursor: "x" });
});
app.get(`${base}/:tenantId`, (request, response) => {
  const row = one.get(String(request.params.tenantId));
  if (row === undefined) response.status(404).end();
  else response.json(tenantOf(row));
});
app.get(`${base}/:tenantId/entitlements/bundle`, (request, response) => {
  const row = bundle.get(String(request.params.tenantId));
  if (row === undefined) response.status(404).end();
  else
    response.json({
      ...row,
      content: JSON.parse(String(row.content)),
      keyId: "k",
      signature: "s".repeat(86),
    });
});
app.post(base, express.json(), (request, response) => {
  const at = new Date().toISOString();
  const record = { ...request.body, tenantId: randomUUID(), status: "draft", createdAt: at, updatedAt: at };
  insert.run(record.tenantId, record.slug, JSON.stringify(record));
  response.status(201).json(record);
});
const server = app.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`listening ${typeof address === "object" ? address?.port : ""}\n`);
});
