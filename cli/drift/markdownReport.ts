import { harmless } from "../io.ts";
import { type DriftReport, propertyText, type SeenFinding, summaryText } from "./report.ts";

/** A job's summary page holds 1 MiB; beyond this many the JSON has the rest. */
const MOST_FINDINGS = 500;
const MOST_TENANTS = 20;

/** For a job's summary page, a merge request or a mail. */
export function markdownReport(report: DriftReport): string {
  const { findings, causes, unseen, ignored, hidden, failing } = report;
  const verdict = failing.length > 0 ? "Drift" : unseen.length > 0 ? "Incomplete" : "No drift";
  const lines = [
    `## ${verdict}`,
    "",
    `${escaped(summaryText(report))}.`,
    ...(causes.length === 0 ? [] : ["", ...causeTable(report)]),
    ...(findings.length === 0 ? [] : ["", "### Findings", "", ...findings.slice(0, MOST_FINDINGS).map(item)]),
    ...(findings.length > MOST_FINDINGS ? [`- … and ${findings.length - MOST_FINDINGS} more`] : []),
    ...(unseen.length === 0 ? [] : ["", "### Not compared", ""]),
    ...unseen.map(({ slug, status, error }) => `- ${code(slug)}: ${status}. ${escaped(error ?? "")}`),
    ...(ignored.length + hidden.length === 0 ? [] : [""]),
    ...(ignored.length === 0 ? [] : [`${ignored.length} findings are ignored for the time being.`]),
    ...(hidden.length === 0 ? [] : [`${hidden.length} differ only where \`ignoreChanges\` says so.`]),
  ];
  return `${lines.join("\n")}\n`;
}

function causeTable({ causes }: DriftReport): string[] {
  return [
    "| Cause | Properties | Tenants | Since |",
    "| --- | --- | --- | --- |",
    ...causes.map(({ resourceType, kind, properties, tenants, since }) => {
      const shown = tenants.slice(0, MOST_TENANTS).map(code).join(", ");
      const more = tenants.length > MOST_TENANTS ? ` and ${tenants.length - MOST_TENANTS} more` : "";
      const what = properties.map(code).join(", ") || "-";
      return `| ${code(resourceType)} ${kind} | ${what} | ${tenants.length}: ${shown}${more} | ${since.slice(0, 10)} |`;
    }),
  ];
}

function item({ slug, planeName, resourceType, logicalName, kind, properties, isNew }: SeenFinding): string {
  const title = `- ${code(slug)} on ${code(planeName)}: ${code(`${resourceType} ${logicalName}`)} ${kind}${isNew ? ", new" : ""}`;
  return [title, ...properties.map((property) => `  - ${code(propertyText(property))}`)].join("\n");
}

function escaped(text: string): string {
  return harmless(text).replace(/[\\`*_{}[\]<>|#]/g, "\\$&");
}

/** In backticks nothing else is special, but for the bar in a table. */
function code(text: string): string {
  return `\`${harmless(text).replaceAll("`", "'").replaceAll("|", "\\|")}\``;
}
