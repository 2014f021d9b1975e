import type { OperationDetail } from "../../contract/operation.ts";
import type { OperationKind } from "../../contract/vocabulary.ts";
import { blowsOf, type Case, outcomeOf } from "./cases.ts";
import { leadsTo, type Turn } from "./course.ts";
import { difference, type Lines, neutral } from "./lines.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";
import { operate, prepare, releaseAfter, retry, type TenantInTrial, writeData } from "./tenant.ts";
import { type MatrixWorld, VERSIONS } from "./world.ts";

/** What an operation of each kind leaves when nothing interferes, in words that hold for every tenant. */
export type References = Map<OperationKind, Lines>;

/** One operation of the tenant, with what goes wrong in it, and all that its end must and must not have left. */
export async function attempt(
  world: MatrixWorld,
  references: References,
  tenant: TenantInTrial,
  turn: Turn,
): Promise<readonly string[]> {
  const { kind } = turn;
  const { tenantId } = tenant;
  const release = releaseAfter(kind, tenant);
  await prepare(world, kind, tenantId);
  const before = await takeSnapshot(world, tenantId);
  const blows = turn.case === undefined ? [] : blowsOf(turn.case);
  world.order({ tenantId, blows, repeat: turn.case?.how === "repeat" });
  const operation = await operate(world, kind, tenant);
  const wrong = [...neverStruck(world), ...judgeEnd(turn.case, operation)];
  let after = await takeSnapshot(world, tenantId);
  if (turn.case !== undefined && outcomeOf(turn.case).left === "old")
    wrong.push(...differs("what was before is not there again", oldLines(kind, before), after.lines));
  wrong.push(...after.faults);
  if (operation.status !== "succeeded" && wrong.length === 0) {
    const again = await retry(world, operation.operationId);
    if (again.status !== "succeeded") return [`its retry ${again.status}: ${JSON.stringify(again.error)}`];
    after = await takeSnapshot(world, tenantId);
    wrong.push(...after.faults);
  }
  if (wrong.length > 0) return wrong;
  wrong.push(...compare(references, kind, after, { ...tenant, releaseNumber: release }));
  tenant.status = leadsTo(kind);
  tenant.release = release;
  if (kind === "tenant_activate") await writeData(world, tenant);
  return wrong;
}

function neverStruck(world: MatrixWorld): string[] {
  return world
    .left()
    .map(({ how, when, direction, step }) => `nothing met ${how} ${when} ${direction} ${step}`);
}

function judgeEnd(
  tried: Case | undefined,
  { status, compensation, error, attempt }: OperationDetail,
): string[] {
  const expected = tried === undefined ? { status: "succeeded" as const } : outcomeOf(tried);
  const is = `it ${status}, compensation ${compensation}: ${JSON.stringify(error)}`;
  if (status !== expected.status) return [`must have ${expected.status}; ${is}`];
  if ("compensation" in expected && compensation !== expected.compensation)
    return [`undoing must have ${expected.compensation}; ${is}`];
  if (status === "failed" && error?.code !== "injected") return [`must have failed as told; ${is}`];
  const attempts = tried?.how === "crash" ? 3 : 1;
  return attempt === attempts ? [] : [`must have been taken up ${attempts} times, and was ${attempt} times`];
}

/** A tenant whose end was asked for stays shut out; only taking it back lets it in again. */
function oldLines(kind: OperationKind, { lines }: Snapshot): Lines {
  if (kind !== "tenant_decommission") return lines;
  return lines.map((line) =>
    line.startsWith("registry: tenant ") ? "registry: tenant decommissioning, wanted deleted" : line,
  );
}

function compare(
  references: References,
  kind: OperationKind,
  { lines }: Snapshot,
  tenant: Pick<TenantInTrial, "tenantId" | "slug"> & { readonly releaseNumber: number },
): string[] {
  const version = VERSIONS[tenant.releaseNumber - 1] ?? "";
  const got = neutral(lines, { ...tenant, version });
  const expected = references.get(kind);
  if (expected !== undefined)
    return differs("the new state is another than without a failure", expected, got);
  references.set(kind, got);
  return [];
}

function differs(what: string, expected: Lines, got: Lines): string[] {
  const found = difference(expected, got);
  return found === undefined ? [] : [`${what}: ${found}`];
}
