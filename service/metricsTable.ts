import { createMetrics } from "./metrics.ts";

export interface MetricFacts {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** What /metrics has to offer, read from the metrics themselves; Node's and the process's own are left out. */
export function metricFacts(): MetricFacts[] {
  return createMetrics()
    .registry.getMetricsAsArray()
    .filter(({ name }) => name.startsWith("tenantry_"))
    .map((metric) => {
      // The library's types leave it out.
      const { labelNames } = metric as unknown as { labelNames: readonly string[] };
      return { name: metric.name, type: String(metric.type), help: metric.help, labels: labelNames };
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

const START = "<!-- metrics: made by `npm run metrics`, do not edit -->";
const END = "<!-- end of metrics -->";

/** The page with its table as the code has it. */
export function withMetricsTable(page: string): string {
  const rows = metricFacts().map(
    ({ name, type, help, labels }) => `| \`${name}\` | ${type} | ${labels.map(code).join(", ")} | ${help} |`,
  );
  const table = ["| metric | type | labels | what |", "|---|---|---|---|", ...rows].join("\n");
  const from = page.indexOf(START);
  const to = page.indexOf(END);
  if (from < 0 || to < from) {
    throw new Error(`Cannot write the table of metrics: the page must have the lines ${START} and ${END}.`);
  }
  return `${page.slice(0, from)}${START}\n\n${table}\n\n${page.slice(to)}`;
}

function code(label: string): string {
  return `\`${label}\``;
}
