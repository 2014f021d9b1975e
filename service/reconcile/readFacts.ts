import { createHash } from "node:crypto";
import type { DriftFinding } from "../../contract/drift.ts";
import type { AppliedManifest, Manifest } from "../../contract/manifest.ts";
import type { Operation } from "../../contract/operation.ts";
import type { PlanVersion } from "../../contract/plan.ts";
import type { Plane } from "../../contract/plane.ts";
import type { Release } from "../../contract/release.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { driftFindingsOpenOf } from "../../registry/driftFindingRead.ts";
import { manifestsOf } from "../../registry/manifest.ts";
import { operationList } from "../../registry/operation.ts";
import { placementOf } from "../../registry/placement.ts";
import { planOf } from "../../registry/planBinding.ts";
import { planeFind } from "../../registry/plane.ts";
import { repairsSince } from "../../registry/reconcile.ts";
import type { Reader } from "../../registry/registry.ts";
import { releaseFind, releaseLatest } from "../../registry/release.ts";
import { type RolloutAhead, rolloutTargetsAhead } from "../../registry/rolloutTarget.ts";
import { targetAppliedSpec, targetsMatching } from "../../registry/target.ts";
import { specDigest, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { limits } from "../config/limits.ts";
import type { Settings } from "../config.ts";
import { judgeFindings } from "../drift/policy.ts";
import { resolveSpec } from "../operations/resolveSpec.ts";
import type { DriftFacts, Failures, ReconcilePolicy, TargetFacts, TenantFacts } from "./facts.ts";

/** Who asks in the loop's name; repairs are counted by it. */
export const RECONCILER = { id: "reconciler", name: "Tenantry reconcile loop" } as const;

const HOUR_MS = 3_600_000;

/**
 * Reads what decide.ts judges. One reader a pass: planes, releases and budgets are read once, and a spec is resolved again only
 * when something it depends on has a new version.
 */
export interface FactsReader {
  read(db: Reader, tenants: readonly Tenant[], nowMs: number): Promise<TenantFacts[]>;
  /** The same as if the manifest were applied already; for a tenant that is not there yet without targets. */
  readAs(db: Reader, tenant: Tenant, manifest: Manifest, nowMs: number): Promise<TenantFacts>;
}

/** Digests by target, kept between passes: a quiet fleet costs no spec. */
export type SpecCache = Map<string, { readonly key: string; readonly digest: string }>;

export function createFactsReader(settings: Settings, cache: SpecCache): FactsReader {
  const shared: PassReads = {
    ...{ settings, cache, plans: new Map(), planes: new Map() },
    ...{ releases: new Map(), budgets: new Map() },
  };
  return {
    async read(db, tenants, nowMs) {
      const ids = tenants.map(({ tenantId }) => tenantId);
      const manifests = await manifestsOf(db, ids);
      const targets = await targetsOf(db, ids);
      const findings = await findingsOf(db, [...targets.values()].flat());
      const inRollouts = await rolloutTargetsAhead(db, [...manifests.keys()]);
      const facts: TenantFacts[] = [];
      for (const tenant of tenants) {
        const applied = tenant.managedBy === "manifest" ? manifests.get(tenant.tenantId) : undefined;
        const declared = applied && { manifest: applied.manifest, applied };
        const its = targets.get(tenant.tenantId) ?? [];
        const read = { targets: its, findings, inRollouts };
        facts.push(await factsOf(db, shared, tenant, declared, read, nowMs));
      }
      return facts;
    },
    async readAs(db, tenant, manifest, nowMs) {
      const targets = (await targetsOf(db, [tenant.tenantId])).get(tenant.tenantId) ?? [];
      const findings = await findingsOf(db, targets);
      const inRollouts = await rolloutTargetsAhead(db, [tenant.tenantId]);
      const read = { targets, findings, inRollouts };
      return factsOf(db, shared, tenant, { manifest, applied: undefined }, read, nowMs);
    },
  };
}

interface PassReads {
  readonly settings: Settings;
  readonly cache: SpecCache;
  readonly plans: Map<string, Promise<PlanVersion>>;
  readonly planes: Map<string, Promise<Plane | undefined>>;
  readonly releases: Map<string, Promise<Release | undefined>>;
  readonly budgets: Map<string, Promise<number>>;
}

interface DeclaredBy {
  readonly manifest: Manifest;
  /** Absent in a preview, where nothing that failed before counts any more. */
  readonly applied: AppliedManifest | undefined;
}

async function targetsOf(db: Reader, tenantIds: readonly string[]): Promise<Map<string, Target[]>> {
  const found = tenantIds.length === 0 ? [] : await targetsMatching(db, { tenantIds });
  return Map.groupBy(found, ({ tenantId }) => tenantId);
}

type FindingsByTarget = ReadonlyMap<string, readonly DriftFinding[]>;

/** One query for a batch of tenants. */
function findingsOf(db: Reader, targets: readonly Target[]): Promise<FindingsByTarget> {
  const drifted = targets.filter(({ drift }) => drift === "drifted");
  return driftFindingsOpenOf(
    db,
    drifted.map(({ targetId }) => targetId),
  );
}

interface TargetsRead {
  readonly targets: readonly Target[];
  readonly findings: FindingsByTarget;
  readonly inRollouts: ReadonlyMap<string, RolloutAhead>;
}

async function factsOf(
  db: Reader,
  shared: PassReads,
  tenant: Tenant,
  by: DeclaredBy | undefined,
  { targets, findings, inRollouts }: TargetsRead,
  nowMs: number,
): Promise<TenantFacts> {
  const release = by && (await releaseNumberOf(db, shared, by.manifest));
  const facts: TargetFacts[] = [];
  for (const target of targets) {
    const its = findings.get(target.targetId) ?? [];
    const inRollout = inRollouts.get(target.targetId);
    facts.push(
      await targetFacts(db, shared, { tenant, by, release, target, findings: its, inRollout, nowMs }),
    );
  }
  const declared = by && {
    state: by.manifest.spec.state,
    planes: by.manifest.spec.planes,
    releaseNumber: release ?? null,
    heldReason: by.applied?.heldReason ?? null,
    declaration: declarationOf(by.applied),
  };
  return { nowMs, policy: policyOf(shared.settings), tenant, declared, targets: facts };
}

/** Another after each apply and each forced edit. */
export function declarationOf(applied: AppliedManifest | undefined): string | null {
  return applied === undefined ? null : [applied.digest, applied.appliedAt, applied.heldAt].join(" ");
}

export function policyOf(settings: Settings): ReconcilePolicy {
  return {
    mode: settings.reconcile === "correct" ? "correct" : "report",
    attempts: limits.reconcileAttempts,
    attemptsUnlessRetryable: limits.reconcileAttemptsUnlessRetryable,
    backoffMs: settings.reconcileBackoffMs,
    backoffMaxMs: limits.reconcileBackoffMaxMs,
  };
}

async function releaseNumberOf(db: Reader, shared: PassReads, { spec }: Manifest): Promise<number | null> {
  if (spec.release !== "latest") return spec.release;
  const latest = await once(shared.releases, "latest", () => releaseLatest(db));
  return latest?.number ?? null;
}

interface TargetQuestion {
  readonly tenant: Tenant;
  readonly by: DeclaredBy | undefined;
  readonly release: number | null | undefined;
  readonly target: Target;
  readonly findings: readonly DriftFinding[];
  readonly inRollout: RolloutAhead | undefined;
  readonly nowMs: number;
}

async function targetFacts(db: Reader, shared: PassReads, question: TargetQuestion): Promise<TargetFacts> {
  const { target, by, release } = question;
  const { targetId, planeName, deploymentState, requestedState, recordVersion } = target;
  const desiredReleaseNumber = release ?? target.targetReleaseNumber ?? target.currentReleaseNumber;
  const settled = target.lastOperationStatus === "succeeded" || target.lastOperationStatus === null;
  const recent = settled ? [] : (await operationList(db, { targetId, limit: RECENT })).items;
  const isDeclared = by !== undefined && requestedState === "present";
  const spec = isDeclared ? await specOf(db, shared, question, desiredReleaseNumber) : {};
  return {
    ...{ targetId, planeName, deploymentState, requestedState, recordVersion, desiredReleaseNumber },
    liveOperationId: recent.find(({ finishedAt }) => finishedAt === null)?.operationId,
    failures: failuresOf(
      recent,
      by?.applied?.appliedAt ?? null,
      by !== undefined && by.applied === undefined,
    ),
    currentSpec: target.currentSpecDigest,
    desiredSpec: spec.digest,
    specProblem: spec.problem,
    inRollout: question.inRollout,
    currentReleaseNumber: target.currentReleaseNumber,
    drift: await driftOf(db, shared, question),
  };
}

/** Enough to see every failure that still counts. */
const RECENT = Math.max(limits.reconcileAttempts, limits.reconcileAttemptsUnlessRetryable) + 1;

/** The row of failures since the last success. What was declared since then is a new wish, and starts anew. */
function failuresOf(
  newestFirst: readonly Operation[],
  declaredAt: string | null,
  isPreview: boolean,
): Failures | undefined {
  const ended = newestFirst.filter(({ finishedAt }) => finishedAt !== null);
  const success = ended.findIndex(({ status }) => status === "succeeded");
  const failed = (success === -1 ? ended : ended.slice(0, success)).filter(
    ({ createdAt }) => declaredAt === null || createdAt >= declaredAt,
  );
  const [last] = failed;
  if (last === undefined || isPreview) return undefined;
  return {
    count: failed.filter(({ status }) => status === "failed").length,
    lastAtMs: Date.parse(last.finishedAt ?? last.updatedAt),
    lastOperationId: last.operationId,
    // Who asked to keep what a failure leaves wants to look at it first.
    retryable: last.error?.retryable === true && last.onFailure !== "keep",
    cancelled: last.status === "cancelled",
    isRepair: last.kind === "drift_repair",
    message: last.error?.message ?? `operation ${last.operationId} ${last.status}`,
    jitter: jitterOf(last.operationId),
  };
}

function jitterOf(operationId: string): number {
  return createHash("sha256").update(operationId).digest().readUInt32BE(0) / 2 ** 32;
}

async function specOf(
  db: Reader,
  shared: PassReads,
  { tenant, target }: TargetQuestion,
  releaseNumber: number | null,
): Promise<{ digest?: string; problem?: string }> {
  if (releaseNumber === null) return { problem: "there is no release" };
  const plane = await once(shared.planes, target.planeName, () => planeFind(db, target.planeName));
  const release = await once(shared.releases, String(releaseNumber), () => releaseFind(db, releaseNumber));
  if (plane === undefined) return { problem: `plane ${target.planeName} is not recorded` };
  if (release === undefined) return { problem: `release ${releaseNumber} is not there` };
  const versions = [
    tenant.recordVersion,
    tenant.updatedAt,
    target.recordVersion,
    plane.recordVersion,
    releaseNumber,
  ];
  const key = versions.join("/");
  const known = shared.cache.get(target.targetId);
  // A preview's tenant has its record's version but not its content; it is not told apart, so it is not kept.
  if (known?.key === key) return { digest: known.digest };
  try {
    const applied = await targetAppliedSpec(db, target.targetId);
    // What came back from a suspension says so in its spec until the next deployment; that alone is no reason for one.
    const workload = applied?.workload === "resuming" ? "resuming" : "running";
    const placement = await placementOf(db, target.targetId);
    const plan = await once(shared.plans, `${tenant.plan}/${tenant.planVersion}`, () => planOf(db, tenant));
    const parts = { tenant, target, plane, plan, release, workload, placement } as const;
    const { spec } = resolveSpec(parts, shared.settings);
    const digest = specDigest(applied === null ? spec : { ...spec, ...undeclared(applied) });
    if (versions[1] !== PREVIEW) shared.cache.set(target.targetId, { key, digest });
    return { digest };
  } catch (thrown) {
    return {
      problem: thrown instanceof Error ? thrown.message.slice(0, 300) : "the spec cannot be resolved",
    };
  }
}

/**
 * What no manifest speaks of is taken as deployed: a new version of the program or a plane's new outputs reach the fleet in waves, by
 * rollouts and deployments, not all at once because the service was updated.
 */
function undeclared(applied: Record<string, unknown>): Partial<TenantSpec> {
  const { formatVersion, plane, programVersion, provider } = applied as TenantSpec;
  return { formatVersion, plane, programVersion, provider };
}

/** As `updatedAt` of a tenant that is only imagined. */
export const PREVIEW = "preview";

async function driftOf(
  db: Reader,
  shared: PassReads,
  { target, nowMs, findings }: TargetQuestion,
): Promise<DriftFacts> {
  const { settings } = shared;
  const { planeName, environment, drift } = target;
  const named = settings.driftPolicy[planeName] ?? settings.driftPolicy[environment];
  const policy = named === "correct" && settings.reconcile === "correct" ? "correct" : "report";
  const since = new Date(nowMs - HOUR_MS).toISOString();
  const done = await once(shared.budgets, planeName, () => repairsSince(db, RECONCILER.id, planeName, since));
  const budgetLeft = settings.driftRepairsPerHour - done;
  if (drift !== "drifted") return { open: 0, needsPerson: undefined, policy, budgetLeft };
  return { ...judgeFindings(findings), policy, budgetLeft };
}

function once<T>(kept: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const reading = read();
  kept.set(key, reading);
  return reading;
}
