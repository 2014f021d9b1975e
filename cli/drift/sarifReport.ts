import { createHash } from "node:crypto";
import type { Log, ReportingDescriptor, Result } from "sarif";
import { type DriftReport, propertyText, type SeenFinding } from "./report.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

/**
 * SARIF 2.1.0: a rule for each way to differ, a result for each finding. What differs is in no file, so each result's file is
 * a made-up path `<plane>/<tenant>`, which groups them where results are shown by file.
 */
export function sarifReport(report: DriftReport, version: string): string {
  const all = [...report.findings, ...report.ignored];
  const failing = new Set(report.failing);
  const rules = [...new Map(all.map((finding) => [ruleId(finding), rule(finding)])).values()];
  const log: Log = {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "tenantry drift", semanticVersion: version, rules } },
        automationDetails: { id: `tenantry-drift/${report.scanId}` },
        columnKind: "utf16CodeUnits",
        invocations: [
          {
            executionSuccessful: report.unseen.length === 0,
            endTimeUtc: report.checkedAt,
            toolExecutionNotifications: report.unseen.map(({ slug, status, error }) => ({
              level: "error" as const,
              message: { text: `${slug} was not compared: ${status}. ${error ?? ""}`.trim() },
            })),
          },
        ],
        results: all.map((finding) => resultOf(finding, failing.has(finding.findingId))),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function ruleId({ kind, resourceType, properties }: SeenFinding): string {
  return [resourceType, kind, ...properties.map(({ path }) => path)].join(" ");
}

function rule(finding: SeenFinding): ReportingDescriptor {
  const { kind, resourceType } = finding;
  const text = `${resourceType} ${kind}`;
  return { id: ruleId(finding), shortDescription: { text }, defaultConfiguration: { level: "warning" } };
}

function resultOf(finding: SeenFinding, fails: boolean): Result {
  const { slug, planeName, urn, resourceType, logicalName, kind, properties, ignored, ignoredUntil } =
    finding;
  const text = [
    `${resourceType} "${logicalName}" of ${slug} on ${planeName}: ${kind}`,
    ...properties.map(propertyText),
  ];
  return {
    ruleId: ruleId(finding),
    level: fails ? "error" : "note",
    message: { text: text.join("\n") },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: `${encodeURIComponent(planeName)}/${encodeURIComponent(slug)}` },
          region: { startLine: 1 },
        },
        logicalLocations: [{ name: logicalName, fullyQualifiedName: urn, kind: "resource" }],
      },
    ],
    partialFingerprints: { "tenantryFinding/v1": fingerprint(finding) },
    ...(ignored
      ? {
          suppressions: [
            { kind: "external", justification: `ignored until ${ignoredUntil ?? "further notice"}` },
          ],
        }
      : {}),
  };
}

/** The same from scan to scan, so that a platform tells what is new from what it knows. */
function fingerprint({ targetId, urn, kind, properties }: SeenFinding): string {
  const parts = [targetId, urn, kind, ...properties.map(({ path }) => path)];
  return createHash("sha256").update(parts.join("\n")).digest("hex");
}
