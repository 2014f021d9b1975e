import type { DriftScan } from "../../contract/drift.ts";
import type { Operation, OperationAccepted } from "../../contract/operation.ts";
import type { Release } from "../../contract/release.ts";
import type { RolloutDetail, RolloutPreview } from "../../contract/rollout.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { Api } from "../../demo/api.ts";
import { releaseBody } from "../../demo/fleet.ts";
import { type Spent, spending } from "../cpu.ts";

const PLANE = "dev-eu-west-1";
/** A thousand tenants take twenty minutes and more. */
const POLL = { intervalMs: 250, limitMs: 12 * 3_600_000 };
/** Those that every registry begins with. */
const PLANS = ["starter", "business", "enterprise"];

/** A tenant of each plan, made in the way that a user makes them. */
export async function makeOriginals(api: Api): Promise<readonly string[]> {
  await makeRelease(api, "1.0.0");
  const operations: Operation[] = [];
  const tenantIds: string[] = [];
  for (const plan of PLANS) {
    const slug = `original-${plan}`;
    const { tenantId } = await api.call<Tenant>("POST", "/tenants", {
      ...{ slug, displayName: slug, plan, planes: [PLANE] },
    });
    const accepted = await api.call<OperationAccepted>("POST", `/tenants/${tenantId}/activate`, {});
    operations.push(...accepted.operations);
    tenantIds.push(tenantId);
  }
  await api.finish(operations);
  return tenantIds;
}

export function makeRelease(api: Api, version: string): Promise<Release> {
  return api.call<Release>("POST", "/releases", releaseBody(version));
}

export interface RolloutSpent {
  readonly preview: Spent;
  readonly apply: Spent;
}

/** Previews, starts what was previewed, and waits for the end; all of it over HTTP. */
export async function rollOut(
  api: Api,
  pid: number,
  wanted: { releaseNumber: number; targets: number; atOnce: number; outcome: "succeeded" | "unchanged" },
): Promise<RolloutSpent> {
  let rollout: RolloutDetail | undefined;
  const preview = await spending(pid, async () => {
    rollout = await api.call<RolloutDetail>("POST", "/rollouts", {
      change: { kind: "release", releaseNumber: wanted.releaseNumber },
      waves: [],
      maxConcurrency: wanted.atOnce,
      reason: "benchmark",
    });
    const previewed = (detail: RolloutDetail) => detail.status !== "previewing";
    rollout = await api.poll<RolloutDetail>(`/rollouts/${rollout.rolloutId}`, previewed, POLL);
  });
  const path = `/rollouts/${rollout?.rolloutId}`;
  const { previewDigest, progress } = await api.call<RolloutPreview>("GET", `${path}/preview`);
  if (progress.failed > 0) throw new Error(`Cannot go on: ${progress.failed} targets could not be previewed`);
  const apply = await spending(pid, async () => {
    await api.call<RolloutDetail>("POST", `${path}/start`, { previewDigest });
    rollout = await api.poll<RolloutDetail>(path, ({ finishedAt }) => finishedAt !== null, POLL);
  });
  if (rollout?.counts[wanted.outcome] !== wanted.targets)
    throw new Error(`Cannot go on: all targets must be ${wanted.outcome}, got ${JSON.stringify(rollout)}`);
  return { preview, apply };
}

export async function scanDrift(api: Api, pid: number, targets: number, scope = {}): Promise<Spent> {
  let scan: DriftScan | undefined;
  const spent = await spending(pid, async () => {
    const { scanId } = await api.call<DriftScan>("POST", "/drift/scans", scope);
    scan = await api.poll<DriftScan>(`/drift/scans/${scanId}`, ({ finishedAt }) => finishedAt !== null, POLL);
  });
  if (scan?.targetsDone !== targets || scan.findingsOpen !== 0 || scan.targetsFailed !== 0)
    throw new Error(`Cannot go on: all ${targets} stacks must be clean, got ${JSON.stringify(scan)}`);
  return spent;
}
