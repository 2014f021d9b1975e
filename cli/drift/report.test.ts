import { describe, expect, it } from "vitest";
import type { DriftScanDetail } from "../../contract/drift.ts";
import { failOnOf } from "./failOn.ts";
import { junitReport } from "./junitReport.ts";
import { markdownReport } from "./markdownReport.ts";
import { driftReport, exitCodeOf, type ReportedTarget, type SeenFinding } from "./report.ts";
import { sarifReport } from "./sarifReport.ts";
import { textReport } from "./textReport.ts";

const at = "2026-03-01T09:30:00.000Z";
const id = (digit: number) => `0b9f6c0e-5a0c-4b7e-9f59-00000000000${digit}`;

function finding(digit: number, more: Partial<SeenFinding> = {}): SeenFinding {
  return {
    findingId: id(digit),
    tenantId: id(digit),
    slug: `tenant-${digit}`,
    targetId: id(digit),
    planeName: "dev-eu-west-1",
    causeId: id(9),
    urn: `urn:pulumi:s::p::aws:sqs/queue:Queue::work${digit}`,
    resourceType: "aws:sqs/queue:Queue",
    logicalName: "work",
    physicalId: null,
    kind: "changed",
    properties: [{ path: "visibilityTimeoutSeconds", recorded: 30, actual: 7 }],
    status: "open",
    ignoreId: null,
    ignoredUntil: null,
    needsPerson: null,
    seenCount: 1,
    firstSeenAt: at,
    lastSeenAt: at,
    resolvedAt: null,
    resolvedBy: null,
    isNew: false,
    ignored: false,
    ...more,
  };
}

type Status = ReportedTarget["status"];
function target(digit: number, status: Status, error: string | null = null) {
  return { targetId: id(digit), tenantId: id(digit), status, findings: 0, error, updatedAt: at };
}

function report(findings: SeenFinding[], targets = [target(1, "drifted")], failOn: string[] = []) {
  const scan = { scanId: id(8), createdAt: at, finishedAt: at } as DriftScanDetail;
  const places = new Map(
    targets.map(({ targetId }, index) => [
      targetId,
      { slug: `tenant-${index + 1}`, planeName: "dev-eu-west-1" },
    ]),
  );
  return driftReport({ scan, targets, findings, places }, failOnOf(failOn));
}

const nasty = `<b>"x" & 'y'</b> | \`z\` ]]> \u0000\u001b[31m \ud800 \ufffe`;
const poisoned = finding(1, {
  logicalName: nasty,
  slug: "tenant-1",
  properties: [{ path: nasty, recorded: nasty, actual: null }],
});

describe("what fails a check", () => {
  const fails = (words: string[], one: SeenFinding) => failOnOf(words)(one);

  it("is anything that counts as drift, or what was named", () => {
    expect(fails([], finding(1))).toBe(true);
    expect(fails(["any"], finding(1, { ignored: true }))).toBe(false);
    expect(fails(["any"], finding(1, { kind: "hidden" }))).toBe(false);
    expect(fails(["new"], finding(1))).toBe(false);
    expect(fails(["new"], finding(1, { isNew: true }))).toBe(true);
    expect(fails([`cause:${id(9)}`], finding(1))).toBe(true);
    expect(fails([`cause:${id(7)}`], finding(1))).toBe(false);
    expect(fails(["cause:aws:sqs/*"], finding(1))).toBe(true);
    expect(fails(["cause:aws:sqs"], finding(1))).toBe(false);
    expect(fails(["cause:*.visibilityTimeoutSeconds"], finding(1))).toBe(true);
    expect(fails(["cause:*.tags.*"], finding(1))).toBe(false);
    expect(fails(["new,cause:aws:sqs/*"], finding(1))).toBe(true);
    expect(() => failOnOf(["sometimes"])).toThrow(/any, new, or cause:/);
  });

  it("decides the exit code, and drift outweighs what was not compared", () => {
    const both = [target(1, "drifted"), target(2, "failed", "no")];
    expect(exitCodeOf(report([], [target(1, "clean")]))).toBe(0);
    expect(exitCodeOf(report([finding(1)]))).toBe(2);
    expect(exitCodeOf(report([finding(1)], both))).toBe(2);
    expect(exitCodeOf(report([finding(1)], both, ["new"]))).toBe(3);
    expect(exitCodeOf(report([finding(1)], [target(1, "drifted")], ["new"]))).toBe(0);
    expect(exitCodeOf(report([], [target(1, "skipped", "busy")]))).toBe(3);
  });
});

describe("the report", () => {
  it("groups by cause, most tenants first", () => {
    const other = finding(3, { causeId: id(7), resourceType: "aws:s3/bucket:Bucket" });
    const { causes } = report([other, finding(1), finding(2)]);
    expect(causes.map(({ resourceType, tenants }) => [resourceType, tenants])).toEqual([
      ["aws:sqs/queue:Queue", ["tenant-1", "tenant-2"]],
      ["aws:s3/bucket:Bucket", ["tenant-3"]],
    ]);
  });

  it("as text has a line a fact, whatever the cloud's names hold", () => {
    const lines = textReport(report([poisoned], [target(1, "drifted"), target(2, "failed", "denied")])).split(
      "\n",
    );
    expect(lines[0]).toBe(`2 targets: 0 clean, 1 drifted, 0 skipped, 1 failed (scan ${id(8)})`);
    expect(lines).toHaveLength(5);
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
    expect(lines[3]).toContain("failed: tenant tenant-2");
  });

  it("as Markdown escapes what would end a table cell or be HTML", () => {
    const text = markdownReport(report([poisoned]));
    const row = text.split("\n").find((line) => line.startsWith("| `aws:sqs"));
    expect(row?.replace(/\\\|/g, "").split("|")).toHaveLength(6);
    expect(text.replace(/`[^`]*`/g, "")).not.toContain("<b>");
    expect(text).toContain("## Drift");
    expect(markdownReport(report([], [target(1, "clean")]))).toContain("## No drift");
  });
});

/** Every tag closed in its order, no stray character: what an XML reader asks for. */
function wellFormed(xml: string): void {
  expect(xml).not.toMatch(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u);
  const open: string[] = [];
  const rest = xml
    .replace(/<\?xml[^?]*\?>/, "")
    .replace(
      /<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g,
      (_tag, closing: string, name: string, _attributes: string, empty: string) => {
        if (closing === "/") expect(open.pop()).toBe(name);
        else if (empty === "") open.push(name);
        return "";
      },
    );
  expect(open).toEqual([]);
  expect(rest).not.toContain("<");
  expect(rest.replace(/&(amp|lt|gt|quot);/g, "")).not.toContain("&");
}

describe("the JUnit report", () => {
  const targets = [
    target(1, "drifted"),
    target(2, "clean"),
    target(3, "failed", `no & never "${nasty}"`),
    target(4, "skipped", "an operation runs"),
  ];

  it("is well-formed whatever the cloud's names hold", () => {
    wellFormed(junitReport(report([poisoned], targets)));
    wellFormed(junitReport(report([], [])));
  });

  it("has a case a target: failed, passed, in error, skipped", () => {
    const xml = junitReport(report([finding(1)], targets));
    expect(xml).toContain('tests="4" failures="1" errors="1" skipped="1"');
    expect(xml.match(/<testcase /g)).toHaveLength(4);
    expect(xml).toMatch(/name="tenant-1">\n\s+<failure type="drift"/);
    expect(xml).toContain("visibilityTimeoutSeconds: recorded 30, is 7");
  });

  it("passes a target whose drift does not fail the check, and still tells it", () => {
    const xml = junitReport(report([finding(1)], [target(1, "drifted")], ["new"]));
    expect(xml).toContain('failures="0"');
    expect(xml).toMatch(/<system-out>aws:sqs/);
  });
});

describe("the SARIF report", () => {
  const log = (findings: SeenFinding[], failOn: string[] = []) =>
    JSON.parse(sarifReport(report(findings, [target(1, "drifted")], failOn), "0.1.0"));

  it("has a rule for each way to differ, and a result that points to it", () => {
    const [run] = log([finding(1), finding(2), finding(3, { kind: "deleted", properties: [] })]).runs;
    const rules = run.tool.driver.rules.map((rule: { id: string }) => rule.id);
    expect(rules).toHaveLength(2);
    expect(run.results).toHaveLength(3);
    for (const result of run.results) {
      expect(rules).toContain(result.ruleId);
      expect(result.message.text).toMatch(/aws:sqs\/queue:Queue "work" of tenant-\d/);
      expect(result.locations[0].physicalLocation.artifactLocation.uri).toMatch(/^dev-eu-west-1\/tenant-\d$/);
    }
  });

  it("marks what fails as an error, the rest as a note, what is ignored as suppressed", () => {
    const ignored = finding(2, { ignored: true, ignoredUntil: at });
    const { results } = log([finding(1), ignored]).runs[0];
    expect(results.map(({ level }: { level: string }) => level)).toEqual(["error", "note"]);
    expect(results[1].suppressions).toEqual([{ kind: "external", justification: `ignored until ${at}` }]);
    expect(log([finding(1)], ["new"]).runs[0].results[0].level).toBe("note");
  });

  it("gives a finding the same fingerprint in each scan, and each its own", () => {
    const prints = (findings: SeenFinding[]) =>
      log(findings).runs[0].results.map((result: { partialFingerprints: object }) =>
        Object.values(result.partialFingerprints).join(),
      );
    const later = finding(1, { findingId: id(5), seenCount: 2, lastSeenAt: "2026-03-02T09:30:00.000Z" });
    expect(prints([finding(1)])).toEqual(prints([later]));
    expect(new Set(prints([finding(1), finding(2)])).size).toBe(2);
  });

  it("says whether everything was compared", () => {
    const whole = JSON.parse(sarifReport(report([], [target(1, "failed", "denied")]), "0.1.0"));
    const [invocation] = whole.runs[0].invocations;
    expect(invocation).toMatchObject({ executionSuccessful: false });
    expect(invocation.toolExecutionNotifications).toHaveLength(1);
  });
});
