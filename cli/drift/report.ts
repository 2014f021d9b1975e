import type { DriftScanDetail, DriftScanFinding, DriftScanTarget } from "../../contract/drift.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { counts, type FailOn } from "./failOn.ts";

export type SeenFinding = DriftScanFinding;

/** Where a target is, for people: reports name tenants, a scan has only ids. */
export interface Place {
  readonly slug: string;
  readonly planeName: string;
}

export interface ReportedTarget extends DriftScanTarget {
  /** The tenant's slug, or its id when nobody knows the slug any more. */
  readonly slug: string;
  readonly planeName: string | null;
}

/** What a nightly job reads: the scan, what it could not look at, and every difference it found. */
export interface DriftReport {
  /** Everything was compared, and nothing found that fails the job. */
  readonly ok: boolean;
  readonly scanId: string;
  readonly checkedAt: string;
  readonly targets: Readonly<Record<"total" | "clean" | "drifted" | "skipped" | "failed", number>>;
  /** Targets that were not compared, with the reason. */
  readonly unseen: readonly ReportedTarget[];
  readonly compared: readonly ReportedTarget[];
  /** What counts as drift, whether it fails the job or not. */
  readonly findings: readonly SeenFinding[];
  /** Ids of the findings that fail it, by `--fail-on`. */
  readonly failing: readonly string[];
  readonly ignored: readonly SeenFinding[];
  /** Differs only where the program says `ignoreChanges`. */
  readonly hidden: readonly SeenFinding[];
  readonly causes: readonly ReportedCause[];
}

/** Findings that are alike across the fleet. */
export interface ReportedCause {
  readonly causeId: string | null;
  readonly resourceType: string;
  readonly kind: SeenFinding["kind"];
  readonly properties: readonly string[];
  readonly tenants: readonly string[];
  readonly since: string;
}

export interface Scanned {
  readonly scan: DriftScanDetail;
  readonly targets: readonly DriftScanTarget[];
  readonly findings: readonly SeenFinding[];
  readonly places: ReadonlyMap<string, Place>;
}

export function driftReport({ scan, targets, findings, places }: Scanned, failOn: FailOn): DriftReport {
  const placed = targets.map((target): ReportedTarget => {
    const found = findings.find(({ targetId }) => targetId === target.targetId);
    const place = places.get(target.targetId) ?? found;
    return { ...target, slug: place?.slug ?? target.tenantId, planeName: place?.planeName ?? null };
  });
  const count = (status: string) => targets.filter((target) => target.status === status).length;
  const compared = placed.filter(({ status }) => status === "clean" || status === "drifted");
  const unseen = placed.filter((target) => !compared.includes(target));
  const drift = findings.filter(counts);
  const failing = drift.filter(failOn).map(({ findingId }) => findingId);
  return {
    ok: failing.length === 0 && unseen.length === 0,
    scanId: scan.scanId,
    checkedAt: scan.finishedAt ?? scan.createdAt,
    targets: {
      total: targets.length,
      clean: count("clean"),
      drifted: count("drifted"),
      skipped: count("skipped"),
      failed: count("failed"),
    },
    unseen,
    compared,
    findings: drift,
    failing,
    ignored: findings.filter(({ ignored, kind }) => ignored && kind !== "hidden"),
    hidden: findings.filter(({ kind }) => kind === "hidden"),
    causes: causesOf(drift),
  };
}

/** Drift outweighs what could not be compared. */
export function exitCodeOf({ failing, unseen }: DriftReport): ExitCode {
  if (failing.length > 0) return EXIT.differences;
  return unseen.length > 0 ? EXIT.incomplete : EXIT.done;
}

function causesOf(findings: readonly SeenFinding[]): ReportedCause[] {
  const groups = Map.groupBy(findings, (finding) => finding.causeId ?? fallbackKey(finding));
  const causes = [...groups.values()].map((group): ReportedCause => {
    const [first] = group as [SeenFinding, ...SeenFinding[]];
    return {
      causeId: first.causeId,
      resourceType: first.resourceType,
      kind: first.kind,
      properties: first.properties.map(({ path }) => path),
      tenants: [...new Set(group.map(({ slug }) => slug))].sort(),
      since: group.map(({ firstSeenAt }) => firstSeenAt).sort()[0] ?? first.firstSeenAt,
    };
  });
  return causes.sort(
    (left, right) => right.tenants.length - left.tenants.length || left.since.localeCompare(right.since),
  );
}

function fallbackKey({ kind, resourceType, properties }: SeenFinding): string {
  return [kind, resourceType, ...properties.map(({ path }) => path)].join(" ");
}

/** `visibilityTimeoutSeconds: recorded 30, is 7`. */
export function propertyText({ path, recorded, actual }: SeenFinding["properties"][number]): string {
  return `${path}: recorded ${JSON.stringify(recorded) ?? "nothing"}, is ${JSON.stringify(actual) ?? "nothing"}`;
}

export function summaryText({ targets, scanId }: DriftReport): string {
  const { total, clean, drifted, skipped, failed } = targets;
  return `${total} targets: ${clean} clean, ${drifted} drifted, ${skipped} skipped, ${failed} failed (scan ${scanId})`;
}
