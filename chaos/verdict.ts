import { spawnSync } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "../contract/common.ts";
import type { DriftFinding, DriftScan } from "../contract/drift.ts";
import type { TenantHealth } from "../contract/health.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { TenantStatus } from "../contract/vocabulary.ts";
import { type CloudResource, Listings, TENANT_TAG } from "../demo/listings.ts";
import { root } from "../demo/processes.ts";
import { type Belief, type Stage, scanned, targetsOf } from "./actor.ts";
import type { Ledger } from "./ledger.ts";
import type { StackState, StateReader } from "./stacks.ts";
import { isTraceOf } from "./tenantData.ts";
import type { World } from "./world.ts";

/** What is left when all is quiet, counted from the registry, the state and the cloud themselves. */
export interface Verdict {
  readonly operations: number;
  /** Promised with a 202, or a 201 for a tenant, and not there. */
  readonly lost: number;
  /** Objects of the cloud that are there twice, and operations nobody asked for. */
  readonly duplicates: number;
  /**
   * Objects of the cloud with a tenant's tag that no stack knows, and stacks, schemas, logins and files of tenants
   * that are gone.
   */
  readonly orphans: number;
  /** Operations that have not ended. */
  readonly stuck: number;
  readonly locksLeft: number;
  readonly auditVerified: boolean;
}

export interface Evidence {
  readonly world: World;
  readonly stage: Stage;
  readonly state: StateReader;
  readonly beliefs: readonly Belief[];
  readonly ledger: Ledger;
}

const LARGEST_FILE_BYTES = 256 * 1024 * 1024;

export async function judge(evidence: Evidence): Promise<Verdict> {
  const { world, stage, beliefs, ledger } = evidence;
  const operations = await world.observer.operations();
  const known = new Set(operations.map(({ operationId }) => operationId));
  const lost = [...stage.promised].filter((operationId) => !known.has(operationId));
  for (const operationId of lost) ledger.say(`lost: operation ${operationId}`);
  const unasked = operations.filter(({ operationId }) => !stage.promised.has(operationId));
  for (const { operationId, kind } of unasked) ledger.say(`nobody asked for ${kind} ${operationId}`);
  const stuck = operations.filter(({ finishedAt }) => finishedAt === null);
  for (const { operationId, kind, status } of stuck) ledger.say(`stuck: ${kind} ${operationId} is ${status}`);
  await believed(stage, beliefs);
  await undrifted(stage);
  const { duplicates, orphans } = await matched(evidence);
  const traces = await kept(evidence);
  await silent(evidence);
  const locks = await evidence.state.locks();
  for (const lock of locks) ledger.say(`lock left: ${lock}`);
  return {
    operations: operations.length,
    lost: lost.length,
    duplicates: duplicates + unasked.length,
    orphans: orphans + traces,
    stuck: stuck.length,
    locksLeft: locks.length,
    auditVerified: auditVerified(world, ledger),
  };
}

const TARGET_STATES: Readonly<Partial<Record<TenantStatus, readonly string[]>>> = {
  active: ["ready"],
  suspended: ["suspended"],
};

/** Requested state reached: every tenant is what its owner believes it to be, and the active ones are healthy. */
async function believed({ client, ledger }: Stage, beliefs: readonly Belief[]): Promise<void> {
  for (const { tenantId, slug, status } of beliefs) {
    const tenant = await client.call<Tenant>("GET", `/tenants/${tenantId}`);
    if (tenant.status !== status || tenant.requestedStatus !== status)
      ledger.violation(
        `${slug} is ${tenant.status}, on its way to ${tenant.requestedStatus}; must be ${status}`,
      );
    const expected = TARGET_STATES[status];
    if (expected === undefined) continue;
    const { items } = await targetsOf(client, tenantId);
    for (const { deploymentState } of items.filter(({ deletedAt }) => deletedAt === null))
      if (!expected.includes(deploymentState))
        ledger.violation(`${slug} is ${status}, but its target is ${deploymentState}`);
  }
  const health = await client.call<Page<TenantHealth>>("GET", "/health/tenants?fresh=true&limit=200");
  const active = new Set(beliefs.filter(({ status }) => status === "active").map(({ tenantId }) => tenantId));
  for (const { tenantId, slug, health: is } of health.items)
    if (active.has(tenantId) && is !== "healthy") ledger.violation(`${slug} is active and ${is}`);
}

/** What is recorded is what is there, property by property. */
async function undrifted({ client, ledger }: Stage): Promise<void> {
  const scan = await scanned(client, await client.call<DriftScan>("POST", "/drift/scans", {}));
  if (scan.status !== "succeeded") ledger.violation(`the last drift scan ${scan.status}`);
  const { items } = await client.call<Page<DriftFinding>>("GET", "/drift?status=open&limit=200");
  for (const { physicalId, kind, properties } of items)
    ledger.violation(
      `${physicalId} is ${kind} in the cloud: ${properties.map(({ path }) => path).join(", ")}`,
    );
}

async function matched({ world, state, beliefs, ledger }: Evidence) {
  const cloud = await new Listings(world.dataDir, () => world.cloud.controlUrl()).cloud("chaos-end");
  const stacks = await state.stacks();
  const there = cloud.filter(({ state: is, tags }) => is === "present" && tags[TENANT_TAG] !== undefined);
  const recorded = new Set(
    stacks.flatMap(({ resources }) => resources.flatMap(({ id, arn }) => [id, arn ?? id])),
  );
  const orphaned = there.filter(({ id, arn }) => !recorded.has(id) && !recorded.has(arn ?? id));
  for (const { type, id } of orphaned) ledger.say(`orphan: ${type} ${id}`);
  const ended = stacks.filter((stack) => !belongs(stack, beliefs));
  for (const { project, stack } of ended) ledger.say(`orphan: stack ${project}/${stack}`);
  const twice = there.filter((resource, index) => there.findIndex(sameAs(resource)) !== index);
  for (const { type, id } of twice) ledger.say(`duplicate: ${type} ${id}`);
  missing(stacks, cloud, ledger);
  return { duplicates: twice.length, orphans: orphaned.length + ended.length };
}

/** Every tenant has all that it has written, or nothing any more; answers what is left where nothing is to be. */
async function kept({ stage, beliefs, ledger }: Evidence): Promise<number> {
  const { data } = stage;
  const traces = await data.traces();
  let left = 0;
  for (const { tenantId, slug, status, written } of beliefs) {
    const wanted = Array.from({ length: written }, (_, place) => place + 1).join(" ");
    const objects = (await data.objects(tenantId)).join(" ");
    if (status === "active" || status === "suspended") {
      if (objects !== wanted) ledger.violation(`${slug} has objects ${objects}; must have ${wanted}`);
      if (status === "suspended") continue;
      const rows = (await data.rows(tenantId)).join(" ");
      if (rows !== wanted) ledger.violation(`${slug} has rows ${rows}; must have ${wanted}`);
      continue;
    }
    const own = traces.filter(isTraceOf(tenantId));
    for (const name of own) ledger.say(`orphan: ${name} of ${slug}, which is ${status}`);
    if (objects !== "") ledger.say(`orphan: objects ${objects} of ${slug}, which is ${status}`);
    left += own.length + (objects === "" ? 0 : 1);
  }
  return left;
}

/** A stack is rightly there while its tenant is neither a draft nor gone. */
function belongs({ project }: StackState, beliefs: readonly Belief[]): boolean {
  const owner = beliefs.find(({ tenantId }) => project === `tenant-${tenantId}`);
  return owner !== undefined && !["draft", "deleted"].includes(owner.status);
}

/** Names are how a resource made a second time gives itself away; ids always differ. Revisions share a name by nature. */
function sameAs(one: CloudResource): (other: CloudResource) => boolean {
  const own = (resource: CloudResource) =>
    /taskDefinition/i.test(resource.type) ? resource.id : (resource.name ?? resource.id);
  return (other) =>
    other.type === one.type &&
    other.region === one.region &&
    other.tags[TENANT_TAG] === one.tags[TENANT_TAG] &&
    own(other) === own(one);
}

function missing(stacks: readonly StackState[], cloud: readonly CloudResource[], ledger: Ledger): void {
  const there = new Set(cloud.flatMap(({ type, id, arn }) => [`${type} ${id}`, `${type} ${arn}`]));
  for (const { project, stack, resources, pendingOperations } of stacks) {
    for (const { type, id } of resources)
      if (!there.has(`${type} ${id}`))
        ledger.violation(`${project}/${stack} records ${type} ${id}, which is gone`);
    if (pendingOperations > 0)
      ledger.violation(`${project}/${stack} has ${pendingOperations} operations pending in its state`);
  }
}

/** Secrets are where they are kept and nowhere else (invariant 7). */
async function silent({ world, stage, state, beliefs, ledger }: Evidence): Promise<void> {
  const own = await world.secrets();
  const secrets = [...own, ...(await passwords(stage, beliefs))].filter(([, secret]) => secret !== "");
  const search = (place: string, text: string) => {
    for (const [name, secret] of secrets)
      if (text.includes(secret)) ledger.violation(`${name} is in ${place}`);
  };
  for (const row of await world.observer.texts()) search(`the registry: ${row.slice(0, 120)}`, row);
  for (const { project, stack, text } of await state.stacks())
    search(`the state of ${project}/${stack}`, text);
  for (const folder of world.folders)
    for (const file of await files(folder)) search(file, await readFile(file, "latin1"));
}

async function passwords({ data }: Stage, beliefs: readonly Belief[]): Promise<[string, string][]> {
  const active = beliefs.filter(({ status }) => status === "active");
  return await Promise.all(
    active.map(async ({ tenantId, slug }): Promise<[string, string]> => {
      return [`the password of ${slug}`, await data.password(tenantId)];
    }),
  );
}

/** Logs, run folders and the like; not the key ring, nor the cloud's own account. */
async function files(folder: string): Promise<string[]> {
  const names: string[] = await readdir(folder, { recursive: true });
  const found: string[] = [];
  for (const name of names) {
    if (/(^|\/)(passphrase|cloud\/account\.sqlite.*)$|^(database|pulumi-home)\//.test(name)) continue;
    const file = join(folder, name);
    const facts = await stat(file).catch(() => undefined);
    if (facts?.isFile() && facts.size <= LARGEST_FILE_BYTES) found.push(file);
  }
  return found;
}

function auditVerified(world: World, ledger: Ledger): boolean {
  const command = [join(root, "script/audit"), "verify", world.registry, "--json"] as const;
  const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), {
    env: world.environment,
    encoding: "utf8",
  });
  if (status !== 0) ledger.say(`audit: ${stdout}${stderr}`);
  return status === 0;
}
