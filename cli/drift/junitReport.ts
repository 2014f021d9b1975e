import { harmless } from "../io.ts";
import { type DriftReport, propertyText, type ReportedTarget, type SeenFinding } from "./report.ts";

/** One test case a target: failed when it drifted in a way that fails the job, skipped or in error when it was not compared. */
export function junitReport(report: DriftReport): string {
  const all = [...report.compared, ...report.unseen];
  const byPlane = Map.groupBy(all, ({ planeName }) => planeName ?? "unknown plane");
  const suites = [...byPlane].map(([plane, targets]) => suite(plane, targets, report));
  const text = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="drift">',
    ...suites,
    "</testsuites>",
  ];
  return `${text.join("\n")}\n`;
}

function suite(plane: string, targets: readonly ReportedTarget[], report: DriftReport): string {
  const failing = new Set(report.failing);
  const cases = targets.map((target) => {
    const found = report.findings.filter(({ targetId }) => targetId === target.targetId);
    return testCase(plane, target, found, failing);
  });
  const count = (kind: string) => cases.filter((one) => one.kind === kind).length;
  const attributes = attributesOf({
    name: plane,
    tests: String(cases.length),
    failures: String(count("failure")),
    errors: String(count("error")),
    skipped: String(count("skipped")),
    timestamp: report.checkedAt.slice(0, 19),
  });
  return [`  <testsuite ${attributes}>`, ...cases.map(({ xml }) => xml), "  </testsuite>"].join("\n");
}

function testCase(
  plane: string,
  { status, slug, error }: ReportedTarget,
  found: readonly SeenFinding[],
  failing: ReadonlySet<string>,
): { kind: string; xml: string } {
  const fails = found.filter(({ findingId }) => failing.has(findingId));
  const head = `    <testcase ${attributesOf({ classname: `drift.${plane}`, name: slug })}`;
  const around = (kind: string, inner: string) => ({ kind, xml: `${head}>\n${inner}\n    </testcase>` });
  if (status === "skipped")
    return around("skipped", `      <skipped ${attributesOf({ message: error ?? "not compared" })}/>`);
  if (status !== "clean" && status !== "drifted")
    return around(
      "error",
      `      <error ${attributesOf({ type: status, message: error ?? "not compared" })}/>`,
    );
  const said = xml(found.map(findingText).join("\n"));
  if (fails.length > 0) {
    const message = `${fails.length} resources differ from what is recorded`;
    return around("failure", `      <failure ${attributesOf({ type: "drift", message })}>${said}</failure>`);
  }
  if (found.length > 0) return around("passed", `      <system-out>${said}</system-out>`);
  return { kind: "passed", xml: `${head}/>` };
}

function findingText({ resourceType, logicalName, kind, properties }: SeenFinding): string {
  return [
    `${resourceType} "${logicalName}" ${kind}`,
    ...properties.map((one) => `  ${propertyText(one)}`),
  ].join("\n");
}

function attributesOf(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${xml(harmless(value))}"`)
    .join(" ");
}

/** XML 1.0 has no way to write most control characters, half a surrogate pair, or U+FFFE and U+FFFF. */
function xml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
