import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { type CloudResource, TENANT_TAG } from "../../demo/listings.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { loggedIn } from "../cloudAccess.ts";
import { type Lines, steady } from "./lines.ts";
import type { MatrixWorld } from "./world.ts";

const MOST_OBJECTS = 10_000;

/**
 * What there is of one tenant, read past the service: the registry's tables, the state backend's files, the local cloud's
 * listing, its buckets, and the tenant's schema in PostgreSQL. Ids and times are left out where they may differ.
 */
export interface Snapshot {
  readonly lines: Lines;
  /** What must never be, whatever the operation came to. */
  readonly faults: readonly string[];
}

export async function takeSnapshot(world: MatrixWorld, tenantId: string): Promise<Snapshot> {
  const [stacks, there, locks] = await Promise.all([
    readStacks(world, tenantId),
    presentObjects(world),
    world.state.locks(),
  ]);
  const recorded = stacks.flatMap(({ resources }) => resources);
  const tagged = there.filter(({ tags }) => tags[TENANT_TAG] === tenantId);
  const ids = new Set(recorded.map(({ type, id }) => `${type} ${id}`));
  const own = there.filter((one) => tagged.includes(one) || ids.has(`${one.type} ${one.id}`));
  const data = await readData(world, tenantId);
  return {
    lines: [...readRegistry(world, tenantId), ...stacks.flatMap(stackLines), ...own.map(cloudLine), ...data]
      .map(steady)
      .toSorted((a, b) => (a < b ? -1 : 1)),
    faults: [
      ...locks.map((lock) => `a lock is left: ${lock}`),
      ...stacks.filter(({ pending }) => pending > 0).map(({ name }) => `${name} has operations pending`),
      ...mismatches(recorded, there, tagged),
    ],
  };
}

function readRegistry({ registry }: MatrixWorld, tenantId: string): string[] {
  const db = new Database(registry, { readonly: true, fileMustExist: true, timeout: 5_000 });
  const all = (sql: string) => db.prepare(sql).all(tenantId) as Record<string, unknown>[];
  try {
    return [
      ...all(
        `select 'tenant ' || status || ', wanted ' || requested_status as line from tenants where tenant_id = ?`,
      ),
      ...all(`select 'target ' || deployment_state || ', wanted ' || requested_state || ', release ' ||
          coalesce(current_release_number, 'none') || ', wanted release ' || coalesce(target_release_number, 'none') ||
          ', suspension ' || coalesce(suspension_mode, 'none') as line
        from targets where tenant_id = ? and deployment_state <> 'absent'`),
      ...all(`select 'route ' || state as line from routes where tenant_id = ? and state <> 'none'`),
      ...all(`select 'open finding ' || resource_type || ' ' || logical_name as line
        from drift_findings where tenant_id = ? and status = 'open'`),
    ].map(({ line }) => `registry: ${String(line)}`);
  } finally {
    db.close();
  }
}

interface Stack {
  readonly name: string;
  readonly resources: readonly Recorded[];
  readonly pending: number;
}

interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly id: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs?: { readonly arn?: unknown };
}

async function readStacks({ stateFolder }: MatrixWorld, tenantId: string): Promise<Stack[]> {
  const folder = join(stateFolder, ".pulumi", "stacks", `tenant-${tenantId}`);
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json"));
  return Promise.all(
    files.map(async (name) => {
      const { checkpoint } = JSON.parse(await readFile(join(folder, name), "utf8"));
      const { resources = [], pending_operations = [] } = checkpoint?.latest ?? {};
      const recorded = (resources as Recorded[]).filter(
        ({ custom, type }) => custom && type.startsWith("aws:"),
      );
      return {
        name: name.slice(0, -".json".length),
        resources: recorded,
        pending: pending_operations.length,
      };
    }),
  );
}

function stackLines({ name, resources }: Stack): string[] {
  return resources.map(
    ({ urn, type, inputs }) => `state: ${name} ${type} ${urn.split("::").at(-1)} ${canonicalJson(inputs)}`,
  );
}

/** Of the whole account: not all that a stack makes can carry a tag. */
export async function presentObjects(world: MatrixWorld): Promise<CloudResource[]> {
  const { resources } = (await world.cloud.control("GET", `/v1/resources?limit=${MOST_OBJECTS}`)) as {
    resources: CloudResource[];
  };
  return resources.filter(({ state }) => state === "present");
}

/** By the tag that says which resource of which stack it is; made a second time, it is there in two lines. */
function cloudLine({ tags, type, name, properties }: CloudResource): string {
  return `cloud: ${tags["tenantry:resource"] ?? `${type} ${name}`} ${canonicalJson(properties)}`;
}

/** What a stack records is there, and what carries the tenant's tag is recorded. */
function mismatches(
  recorded: readonly Recorded[],
  there: readonly CloudResource[],
  own: readonly CloudResource[],
) {
  const ids = new Set(recorded.flatMap(({ id, outputs }) => [id, outputs?.arn]));
  const orphans = own.filter(({ id, arn }) => !ids.has(id) && !ids.has(arn));
  const found = new Set(there.flatMap(({ type, id, arn }) => [`${type} ${id}`, `${type} ${arn}`]));
  const missing = recorded.filter(({ type, id }) => !found.has(`${type} ${id}`));
  return [
    ...orphans.map(({ type, id }) => `no stack knows ${type} ${id}`),
    ...missing.map(({ type, id }) => `${type} ${id} is recorded, and not there`),
  ];
}

async function readData(world: MatrixWorld, tenantId: string): Promise<string[]> {
  const { dataBucketName, archiveBucketName } = world.plane;
  const live = await world.cloud.objects(dataBucketName, `tenants/${tenantId}/`);
  const archived = await world.cloud.objects(archiveBucketName, `archives/${tenantId}/`);
  const rows = await rowsOf(world, tenantId);
  const names = await world.cloud.administer(world.plane, namesOf(tenantId));
  return [
    ...live.map((key) => `data: object ${key}`),
    `data: archived ${archived.length} objects`,
    `data: rows ${rows}`,
    ...names.map((name) => `data: on the server ${name}`),
  ];
}

/** As the tenant's services read them. */
async function rowsOf(world: MatrixWorld, tenantId: string): Promise<string> {
  const login = await world.cloud.login(tenantId);
  if (login === undefined) return "none, as there is no login";
  try {
    const { rows } = await loggedIn(login, (client) =>
      client.query<{ count: number }>("select count(*)::int as count from facts"),
    );
    return String(rows[0]?.count);
  } catch (thrown) {
    return `cannot be read: ${(thrown as { code?: string }).code ?? String(thrown)}`;
  }
}

function namesOf(tenantId: string): string {
  const name = `tn_${tenantId.replaceAll("-", "")}`;
  return `select 'a schema' as name from pg_namespace where nspname = '${name}'
    union select 'a role' from pg_roles where rolname like '${name}%'`;
}
