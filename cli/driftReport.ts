import type { DriftFinding, DriftScanDetail } from "../contract/drift.ts";

/** What a nightly job reads: the scan, what it could not look at, and every difference it found. */
export interface DriftReport {
  readonly ok: boolean;
  readonly scanId: string;
  readonly targets: Readonly<Record<"total" | "clean" | "drifted" | "skipped" | "failed", number>>;
  /** Targets that were not compared, with the reason. */
  readonly unseen: readonly {
    readonly tenantId: string;
    readonly status: string;
    readonly error: string | null;
  }[];
  readonly findings: readonly DriftFinding[];
}

/** `clean` says that everything was compared and is as recorded; drift outweighs what could not be compared. */
export const EXIT = { clean: 0, failed: 1, drift: 2, incomplete: 3 } as const;

export function driftReport(scan: DriftScanDetail, open: readonly DriftFinding[]): DriftReport {
  const count = (status: string) => scan.targets.filter((target) => target.status === status).length;
  const drifted = new Set(
    scan.targets.filter(({ status }) => status === "drifted").map(({ targetId }) => targetId),
  );
  const unseen = scan.targets
    .filter(({ status }) => status !== "clean" && status !== "drifted")
    .map(({ tenantId, status, error }) => ({ tenantId, status, error }));
  return {
    ok: drifted.size === 0 && unseen.length === 0,
    scanId: scan.scanId,
    targets: {
      total: scan.targets.length,
      clean: count("clean"),
      drifted: drifted.size,
      skipped: count("skipped"),
      failed: count("failed"),
    },
    unseen,
    findings: open.filter(({ targetId }) => drifted.has(targetId)),
  };
}

export function exitCodeOf({ targets, unseen }: DriftReport): number {
  if (targets.drifted > 0) return EXIT.drift;
  return unseen.length > 0 ? EXIT.incomplete : EXIT.clean;
}

export function reportText(report: DriftReport): string {
  const { total, clean, drifted, skipped, failed } = report.targets;
  return [
    `${total} targets: ${clean} clean, ${drifted} drifted, ${skipped} skipped, ${failed} failed (scan ${report.scanId})`,
    ...report.findings.flatMap((finding) => [
      `${finding.planeName}  tenant ${finding.tenantId}  ${finding.resourceType} "${finding.logicalName}" ${finding.kind}, since ${finding.firstSeenAt}`,
      ...finding.properties.map(
        ({ path, recorded, actual }) =>
          `    ${path}: recorded ${JSON.stringify(recorded)}, is ${JSON.stringify(actual)}`,
      ),
    ]),
    ...report.unseen.map(({ tenantId, status, error }) => `${status}: tenant ${tenantId}: ${error ?? ""}`),
    "",
  ].join("\n");
}
