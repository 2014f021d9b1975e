import { setImmediate as breathe } from "node:timers/promises";
import type { Placement } from "../../../contract/placement.ts";
import type { PlanVersion } from "../../../contract/plan.ts";
import type { Plane } from "../../../contract/plane.ts";
import type { Release } from "../../../contract/release.ts";
import type { RolloutChange } from "../../../contract/rolloutChange.ts";
import type { Target } from "../../../contract/target.ts";
import type { Tenant } from "../../../contract/tenant.ts";
import { driftToMend } from "../../../registry/driftMend.ts";
import { driftSeen } from "../../../registry/driftSeen.ts";
import { placementsOf } from "../../../registry/placement.ts";
import { planOf } from "../../../registry/planBinding.ts";
import { planeFind } from "../../../registry/plane.ts";
import type { Reader } from "../../../registry/registry.ts";
import { releaseFind } from "../../../registry/release.ts";
import { targetsWithSpecs } from "../../../registry/target.ts";
import { tenantsOf } from "../../../registry/tenant.ts";
import { TenantSpec } from "../../../stacks/tenant/spec.ts";
import type { Settings } from "../../config.ts";
import { resolveSpec } from "../../operations/resolveSpec.ts";
import { workloadOf } from "../../operations/tenantDeploy.ts";
import { changedRecord, isOfTenant } from "../drive/record.ts";

/**
 * What a rollout would deploy to each of its targets, resolved as the target's own operation will. Read in chunks, a few queries
 * each, so that ten thousand targets cost neither ten thousand queries nor all of their specs in memory at once.
 */
export interface Resolved {
  readonly target: Target;
  readonly tenant: Tenant;
  /** Absent when it cannot be resolved (`problem`), and when nothing is deployed: a flag is no part of a spec. */
  readonly spec?: TenantSpec;
  readonly digest?: string;
  readonly problem?: string;
  /** Whether the stack is as the spec says already, as far as is recorded: no engine run is needed. */
  readonly isApplied: boolean;
  /** Whether it has drifted in a way that a run of the stack puts right. */
  readonly isToMend: boolean;
}

export interface Question {
  readonly targetId: string;
  readonly toReleaseNumber: number | null;
}

const TARGETS_PER_CHUNK = 200;

/** The same of a few targets. */
export function resolveSome(
  db: Reader,
  settings: Settings,
  change: RolloutChange,
  questions: readonly Question[],
): Promise<Resolved[]> {
  return resolveChunk(db, sharedOf(settings), change, questions);
}

export async function* resolveTargets(
  db: Reader,
  settings: Settings,
  change: RolloutChange,
  questions: readonly Question[],
): AsyncGenerator<Resolved> {
  const shared = sharedOf(settings);
  for (let from = 0; from < questions.length; from += TARGETS_PER_CHUNK) {
    const chunk = questions.slice(from, from + TARGETS_PER_CHUNK);
    yield* await resolveChunk(db, shared, change, chunk);
    // SQLite answers without waiting: without this nothing else would run until the end of the fleet.
    await breathe();
  }
}

interface Shared {
  readonly settings: Settings;
  readonly plans: Map<string, PlanVersion>;
  readonly planes: Map<string, Plane | undefined>;
  readonly releases: Map<number, Release | undefined>;
}

function sharedOf(settings: Settings): Shared {
  return { settings, plans: new Map(), planes: new Map(), releases: new Map() };
}

async function resolveChunk(
  db: Reader,
  shared: Shared,
  change: RolloutChange,
  chunk: readonly Question[],
): Promise<Resolved[]> {
  const ids = chunk.map(({ targetId }) => targetId);
  const found = new Map((await targetsWithSpecs(db, ids)).map((one) => [one.target.targetId, one]));
  const tenants = await tenantsOf(db, [...new Set([...found.values()].map(({ target }) => target.tenantId))]);
  const placements = await placementsOf(db, ids);
  const seen = await findingsOf(db, change, [...tenants.keys()]);
  const toMend = await driftToMend(
    db,
    [...found.values()].map(({ target }) => target),
  );
  const resolved: Resolved[] = [];
  for (const { targetId, toReleaseNumber } of chunk) {
    const one = found.get(targetId);
    const tenant = tenants.get(one?.target.tenantId ?? "");
    if (one === undefined || tenant === undefined) continue;
    const its = { placement: placements.get(targetId), findings: seen.get(targetId) };
    const parts = { ...one, tenant, ...its, isToMend: toMend.has(targetId) };
    resolved.push(await resolveOne(db, shared, change, parts, toReleaseNumber));
  }
  return resolved;
}

/** Of each target with something to repair, the digest of what is open there. */
async function findingsOf(
  db: Reader,
  change: RolloutChange,
  tenantIds: readonly string[],
): Promise<Map<string, string>> {
  if (change.kind !== "drift_repair" || tenantIds.length === 0) return new Map();
  const { causeId } = change;
  const { targets } = await driftSeen(db, { tenantIds: [...tenantIds], ...(causeId && { causeId }) });
  return new Map(targets.map(({ targetId, digest }) => [targetId, digest]));
}

interface Parts {
  readonly target: Target;
  readonly appliedSpec: Record<string, unknown> | null;
  readonly tenant: Tenant;
  readonly placement: Placement | undefined;
  readonly findings: string | undefined;
  readonly isToMend: boolean;
}

async function resolveOne(
  db: Reader,
  shared: Shared,
  change: RolloutChange,
  { target, appliedSpec, tenant, placement, findings, isToMend }: Parts,
  toReleaseNumber: number | null,
): Promise<Resolved> {
  const known = { target, tenant, isToMend };
  if (change.kind === "flag") return { ...known, isApplied: true };
  if (change.kind === "drift_repair") return { ...known, ...recorded(findings, appliedSpec) };
  const number = toReleaseNumber ?? target.currentReleaseNumber;
  const plane = await kept(shared.planes, target.planeName, (name) => planeFind(db, name));
  const release =
    number === null ? undefined : await kept(shared.releases, number, (n) => releaseFind(db, n));
  if (plane === undefined)
    return { ...known, isApplied: false, problem: `plane ${target.planeName} is not recorded` };
  if (release === undefined)
    return { ...known, isApplied: false, problem: `release ${number ?? ""} is not there` };
  try {
    const workload = workloadOf({ target, appliedWorkload: appliedSpec?.workload });
    const wanted = changedRecord(tenant, change);
    const binding = `${wanted.plan}/${wanted.planVersion}`;
    const plan = await kept(shared.plans, binding, () => planOf(db, wanted));
    const parts = { tenant: wanted, target, plane, plan, release, workload, placement };
    const { spec, digest } = resolveSpec(parts, shared.settings);
    return { ...known, spec, digest, isApplied: !isToMend && isApplied(target, digest) };
  } catch (thrown) {
    const problem = thrown instanceof Error ? thrown.message.slice(0, 300) : "its spec cannot be resolved";
    return { ...known, isApplied: false, problem };
  }
}

/** Whether the rollout would do anything to a target: write to its tenant's record, which it may without a run, or run its stack. */
export function wouldChange(change: RolloutChange, { isApplied }: Resolved): boolean {
  return isOfTenant(change) || !isApplied;
}

/** A repair puts back what was applied last; it is bound to what was found, so its digest is that of the findings. */
function recorded(
  findings: string | undefined,
  appliedSpec: Record<string, unknown> | null,
): Pick<Resolved, "isApplied" | "spec" | "digest" | "problem"> {
  if (findings === undefined) return { isApplied: true };
  const parsed = TenantSpec.safeParse(appliedSpec);
  if (!parsed.success)
    return { isApplied: false, problem: "its last spec cannot be read by this version of the service" };
  return { isApplied: false, spec: parsed.data, digest: findings };
}

/** As the deploy step sees it: equal digest, the last operation succeeded. */
function isApplied({ currentSpecDigest, lastOperationStatus }: Target, digest: string | undefined): boolean {
  return currentSpecDigest === digest && lastOperationStatus === "succeeded";
}

async function kept<K, T>(known: Map<K, T>, key: K, read: (key: K) => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const value = await read(key);
  known.set(key, value);
  return value;
}
