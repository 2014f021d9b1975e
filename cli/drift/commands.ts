import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { apiOptions, requestMakerOf } from "../commands/apiRequest.ts";
import { didYouMean } from "../commands/nearest.ts";
import { type CommandSpec, OPTIONS, text, texts } from "../commands/spec.ts";
import { usageFailure } from "../exit.ts";
import { durationMs } from "../show/time.ts";
import { version } from "../version.ts";
import { failOnOf } from "./failOn.ts";
import { junitReport } from "./junitReport.ts";
import { markdownReport } from "./markdownReport.ts";
import { type DriftReport, driftReport, exitCodeOf } from "./report.ts";
import { sarifReport } from "./sarifReport.ts";
import { scanAndWait } from "./scan.ts";
import { textReport } from "./textReport.ts";

/** The nightly job's command; docs/cli.md has a pipeline for it. */
const REPORTS = {
  markdown: { file: "drift.md", write: markdownReport },
  junit: { file: "drift.junit.xml", write: junitReport },
  json: { file: "drift.json", write: jsonReport },
  sarif: { file: "drift.sarif", write: (report: DriftReport) => sarifReport(report, version()) },
} as const satisfies Record<string, { file: string; write(report: DriftReport): string }>;
type ReportName = keyof typeof REPORTS;
const NAMES = Object.keys(REPORTS) as ReportName[];

const maker = requestMakerOf("driftScanCreate");

export const driftCommands: readonly CommandSpec[] = [
  {
    noun: "drift",
    verb: "scan",
    summary: "Compare the cloud with what is recorded, wait, and report",
    description:
      "Changes nothing. Exit code: 0 nothing that fails the check, 2 drift, 3 no drift seen but not everything could be compared, 1 it could not check.",
    args: [],
    plainExit: true,
    options: [
      ...apiOptions(maker),
      {
        name: "fail-on",
        value: "what",
        many: true,
        description:
          "any (default), new, or cause:<id or pattern>, such as cause:aws:sqs/* or cause:*.tags.* (may be repeated)",
      },
      {
        name: "report",
        value: "formats",
        many: true,
        description: `${NAMES.join(", ")}; several with commas between`,
      },
      { name: "output", value: "folder", description: "where the reports go, a file each" },
      OPTIONS.timeout,
    ],
    async run(input, session) {
      const failOn = failOnOf(texts(input, "fail-on"));
      const reports = reportNames(texts(input, "report"));
      const folder = text(input, "output");
      if (reports.length > 1 && folder === undefined)
        throw usageFailure("Cannot print several reports at once: --output must name a folder for them.");
      const until = Date.now() + durationMs(text(input, "timeout") ?? "1h", "timeout");
      const report = driftReport(
        await scanAndWait(session, await maker.request(input, session), until),
        failOn,
      );
      const [only] = reports;
      if (session.json) session.io.out(REPORTS.json.write(report));
      else if (only !== undefined && folder === undefined) session.io.out(REPORTS[only].write(report));
      else session.io.out(textReport(report));
      if (folder !== undefined) writeReports(report, reports, folder);
      return exitCodeOf(report);
    },
  },
];

function writeReports(report: DriftReport, names: readonly ReportName[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of names) writeFileSync(join(folder, REPORTS[name].file), REPORTS[name].write(report));
}

function reportNames(words: readonly string[]): ReportName[] {
  const names = words.flatMap((word) => word.split(",")).map((word) => word.trim());
  const unknown = names.find((name) => !(NAMES as string[]).includes(name));
  if (unknown === undefined) return [...new Set(names as ReportName[])];
  throw usageFailure(
    `Cannot write the report: it must be one of ${NAMES.join(", ")}, got "${unknown}"${didYouMean(unknown, NAMES)}.`,
  );
}

/** One line, as everything that `--json` prints. */
function jsonReport(report: DriftReport): string {
  return `${JSON.stringify(report)}\n`;
}
