/**
 * A fleet by copying: a few tenants are made by the service and the engine, and their records are copied under other names, in
 * the state folder, in the local cloud's account and, by its own functions, in the registry. Whether a copy is as good as
 * an original the benchmark itself shows: a drift scan of it must be clean and a preview of its spec empty.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { ChangeContext } from "../../registry/audit.ts";
import { planeGet } from "../../registry/plane.ts";
import { type Change, openRegistry, type Registry } from "../../registry/registry.ts";
import {
  targetAppliedSpec,
  targetCreate,
  targetObserve,
  targetsOfTenant,
  targetUpdate,
} from "../../registry/target.ts";
import { tenantCreate, tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete, tenantTransitionRequest } from "../../registry/tenantLifecycle.ts";
import { projectName } from "../../stacks/tenant/names.ts";
import { TenantSpec } from "../../stacks/tenant/spec.ts";
import { drawnIds, type Rename, renaming } from "./rename.ts";

/** Tenants copied in one transaction of the registry. */
const BATCH = 50;

const CONTEXT: ChangeContext = {
  actor: { kind: "system", id: "bench", name: "benchmark" },
  requestId: "bench",
  correlationId: "bench",
};

/** A tenant that the engine has made. */
interface Original {
  readonly tenant: Tenant;
  readonly target: Target;
  readonly spec: TenantSpec;
  readonly state: string;
  readonly rows: AccountRows;
}

/** Neither the service nor the local cloud may run meanwhile. Answers the specs of all tenants, originals first. */
export async function copyTenants(
  dataDir: string,
  tenantIds: readonly string[],
  count: number,
): Promise<readonly TenantSpec[]> {
  const registry = await openRegistry({ file: join(dataDir, "registry.sqlite") });
  const account = new Database(join(dataDir, "cloud", "account.sqlite"));
  try {
    const originals = await Promise.all(tenantIds.map((id) => readOriginal(dataDir, registry, account, id)));
    const planeState = await readFile(stateFile(dataDir, "tenantry", "dev"), "utf8");
    const specs = originals.map(({ spec }) => spec);
    for (let first = 0; first < count; first += BATCH) {
      const renames = Array.from({ length: Math.min(BATCH, count - first) }, (_, index) => {
        const original = originals[(first + index) % originals.length];
        if (original === undefined) throw new Error("Cannot copy tenants: there must be one to copy");
        const drawn = drawnIds(original.state + JSON.stringify(original.rows), planeState);
        const slug = `copy-${String(first + index + 1).padStart(5, "0")}`;
        return { original, rename: renaming(original.spec, drawn, slug) };
      });
      for (const { original, rename } of renames) await copyState(dataDir, original, rename);
      account.transaction(() => {
        for (const { original, rename } of renames) copyRows(account, original.rows, rename);
      })();
      await registry.change(CONTEXT, async (change) => {
        for (const { original, rename } of renames) await copyRecord(change, original, rename);
      });
      specs.push(...renames.map(({ rename }) => rename.spec));
    }
    return specs;
  } finally {
    account.close();
    await registry.close();
  }
}

async function readOriginal(
  dataDir: string,
  registry: Registry,
  account: Database.Database,
  tenantId: string,
): Promise<Original> {
  const { tenant, target, spec } = await registry.read(async (db) => {
    const [target] = await targetsOfTenant(db, tenantId);
    if (target === undefined) throw new Error("Cannot copy a tenant: it must have a target");
    const spec = TenantSpec.parse(await targetAppliedSpec(db, target.targetId));
    return { tenant: await tenantGet(db, tenantId), target, spec };
  });
  const state = await readFile(stateFile(dataDir, target.projectName, target.stackName), "utf8");
  return { tenant, target, spec, state, rows: readRows(account, spec) };
}

function stateFile(dataDir: string, project: string, stack: string): string {
  return join(dataDir, "state", ".pulumi", "stacks", project, `${stack}.json`);
}

async function copyState(dataDir: string, { target, state }: Original, rename: Rename): Promise<void> {
  const file = stateFile(dataDir, projectName(rename.tenantId), target.stackName);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, rename.text(state), { mode: 0o600 });
}

async function copyRecord(change: Change, { tenant, target }: Original, rename: Rename): Promise<void> {
  const { tenantId, slug } = rename;
  const {
    plan,
    primaryDomain,
    labels,
    planes,
    config,
    isolation,
    regions,
    suspensionMode,
    dataClassification,
  } = tenant;
  const input = {
    plan,
    primaryDomain,
    labels,
    planes,
    config,
    isolation,
    regions,
    suspensionMode,
    dataClassification,
  };
  await tenantCreate(change, { ...input, slug, displayName: slug }, { tenantId });
  await tenantTransitionRequest(change, tenantId, "activate");
  const plane = await planeGet(change.db, target.planeName);
  const { generation, stackName, targetReleaseNumber } = target;
  const created = await targetCreate(change, {
    ...{ tenantId, plane, generation, stackName, targetReleaseNumber },
    projectName: projectName(tenantId),
  });
  const renamed = (name: string | null) => name && rename.text(name);
  await targetUpdate(change, created.targetId, {
    deploymentState: target.deploymentState,
    currentReleaseNumber: target.currentReleaseNumber,
    verifiedReleaseNumber: target.verifiedReleaseNumber,
    clusterName: target.clusterName,
    serviceNamespace: target.serviceNamespace,
    routingTarget: renamed(target.routingTarget),
    publicName: renamed(target.publicName),
    currentSpecDigest: rename.digest,
    appliedSpec: rename.spec,
  });
  await targetObserve(change, created.targetId, { health: "healthy" });
  await tenantTransitionComplete(change, tenantId, "activate");
}

type Row = Record<string, string | number | null>;

/** What the local cloud has written down of one tenant. */
interface AccountRows {
  readonly resources: readonly { row: Row; references: readonly Row[]; tags: readonly Row[] }[];
  readonly secrets: readonly Row[];
  readonly settings: readonly Row[];
}

function readRows(account: Database.Database, { tenant: { tenantId }, ...spec }: TenantSpec): AccountRows {
  const key = tenantId.slice(0, 8);
  const rows = (table: string) => account.prepare(`SELECT * FROM ${table}`).all() as Row[];
  const ofTenant = (row: Row) =>
    Object.values(row).some((value) => typeof value === "string" && value.includes(key));
  if (rows("resources").filter(ofTenant).length === 0)
    throw new Error(`Cannot copy a tenant of ${spec.plane.name}: the cloud must have something of it`);
  const below = (table: string, sequence: Row[string] | undefined) =>
    account.prepare(`SELECT * FROM ${table} WHERE sequence = ?`).all(sequence) as Row[];
  return {
    resources: rows("resources")
      .filter(ofTenant)
      .map((row) => ({
        row,
        references: below("resource_references", row.sequence),
        tags: below("resource_tags", row.sequence),
      })),
    secrets: rows("secret_values").filter(ofTenant),
    settings: rows("settings").filter(ofTenant),
  };
}

function copyRows(account: Database.Database, rows: AccountRows, rename: Rename): void {
  const insert = (table: string, row: Row): number | bigint => {
    const columns = Object.keys(row);
    const values = columns.map((name) => {
      const value = row[name];
      return typeof value === "string" ? rename.text(value) : value;
    });
    const marks = columns.map(() => "?").join(", ");
    return account.prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`).run(...values)
      .lastInsertRowid;
  };
  for (const { row, references, tags } of rows.resources) {
    const { sequence: _old, ...rest } = row;
    const sequence = Number(insert("resources", rest));
    for (const reference of references) insert("resource_references", { ...reference, sequence });
    for (const tag of tags) insert("resource_tags", { ...tag, sequence });
  }
  for (const secret of rows.secrets) insert("secret_values", secret);
  for (const setting of rows.settings) insert("settings", setting);
}
