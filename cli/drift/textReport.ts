import { harmless } from "../io.ts";
import { type DriftReport, propertyText, type SeenFinding, summaryText } from "./report.ts";

/** For a terminal and for a job's log. */
export function textReport(report: DriftReport): string {
  const apart = [
    ...(report.ignored.length > 0
      ? [`${report.ignored.length} findings are ignored for the time being`]
      : []),
    ...(report.hidden.length > 0 ? [`${report.hidden.length} differ only where ignoreChanges says so`] : []),
  ];
  const lines = [
    summaryText(report),
    ...report.findings.flatMap((finding) =>
      findingLines(finding, report.failing.includes(finding.findingId)),
    ),
    ...report.unseen.map(
      ({ status, slug, planeName, tenantId, error }) =>
        `${status}: tenant ${slug === tenantId ? tenantId : `${slug} (${tenantId})`}${planeName === null ? "" : ` on ${planeName}`}: ${error ?? ""}`,
    ),
    ...apart,
  ];
  return `${lines.map(harmless).join("\n")}\n`;
}

function findingLines(finding: SeenFinding, fails: boolean): string[] {
  const { planeName, slug, resourceType, logicalName, kind, firstSeenAt, properties, isNew } = finding;
  const notes = [isNew ? "new" : `since ${firstSeenAt}`, ...(fails ? [] : ["does not fail this check"])];
  return [
    `${planeName}  ${slug}  ${resourceType} "${logicalName}" ${kind}, ${notes.join(", ")}`,
    ...properties.map((property) => `    ${propertyText(property)}`),
  ];
}
