import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { TENANT_TAG } from "../../demo/listings.ts";
import { root } from "../../demo/processes.ts";
import type { Ledger } from "../ledger.ts";
import { observeSqlite } from "../observer.ts";
import { presentObjects } from "./snapshot.ts";
import type { TenantInTrial } from "./tenant.ts";
import type { MatrixWorld } from "./world.ts";

/** What only the whole can tell, when all is done. */
export interface Whole {
  readonly operations: number;
  /** Objects with a tenant's tag that no stack records, and stacks of tenants that are gone. */
  readonly orphans: number;
  readonly stuck: number;
  readonly auditVerified: boolean;
}

export async function judgeWhole(
  world: MatrixWorld,
  tenants: readonly TenantInTrial[],
  ledger: Ledger,
): Promise<Whole> {
  const observer = observeSqlite(world.registry);
  const operations = await observer.operations();
  await observer.close();
  const stuck = operations.filter(({ finishedAt }) => finishedAt === null);
  for (const { operationId, kind } of stuck) ledger.say(`stuck: ${kind} ${operationId}`);
  const orphans = await orphansOf(world, tenants);
  for (const orphan of orphans) ledger.say(`orphan: ${orphan}`);
  return {
    ...{ operations: operations.length, orphans: orphans.length, stuck: stuck.length },
    auditVerified: auditVerified(world, ledger),
  };
}

async function orphansOf(world: MatrixWorld, tenants: readonly TenantInTrial[]): Promise<string[]> {
  const stacks = await world.state.stacks();
  const gone = new Set(tenants.filter(({ status }) => status === "deleted").map(projectOf));
  const recorded = new Set(stacks.flatMap(({ resources }) => resources.flatMap(({ id, arn }) => [id, arn])));
  const objects = (await presentObjects(world)).filter(({ tags }) => tags[TENANT_TAG] !== undefined);
  return [
    ...objects
      .filter(({ id, arn }) => !recorded.has(id) && !recorded.has(arn))
      .map(({ type, id }) => `${type} ${id}`),
    ...stacks.filter(({ project }) => gone.has(project)).map(({ project, stack }) => `${project}/${stack}`),
  ];
}

function projectOf({ tenantId }: TenantInTrial): string {
  return `tenant-${tenantId}`;
}

function auditVerified({ registry, environment: env }: MatrixWorld, ledger: Ledger): boolean {
  const command = join(root, "script/audit");
  const args = ["verify", registry, "--json"];
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: "utf8" });
  if (status !== 0) ledger.say(`audit: ${stdout}${stderr}`);
  return status === 0;
}
