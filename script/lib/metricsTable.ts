import type { Registry } from "prom-client";
import { createRouterMetrics } from "../../router/metrics.ts";
import { createMetrics } from "../../service/metrics.ts";

export interface MetricFacts {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** What the service and the routers have to offer, read from the metrics themselves. */
export const registries = {
  service: () => createMetrics().registry,
  router: () => createRouterMetrics().registry,
} as const;

export function factsOf(registry: Registry): MetricFacts[] {
  return registry
    .getMetricsAsArray()
    .map((metric) => {
      // The library's types leave it out.
      const { labelNames } = metric as unknown as { labelNames: readonly string[] };
      return { name: metric.name, type: String(metric.type), help: metric.help, labels: labelNames };
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** Node's and the process's own are documented by who makes them. */
export function isOurs({ name }: MetricFacts): boolean {
  return name.startsWith("tenantry_");
}

/** The page with its tables as the code has them, each between two marks. */
export function withMetricsTables(page: string): string {
  return Object.entries(registries).reduce(
    (written, [of, registry]) => withTable(written, of, factsOf(registry()).filter(isOurs)),
    page,
  );
}

function withTable(page: string, of: string, metrics: readonly MetricFacts[]): string {
  const start = `<!-- metrics of the ${of}: made by \`npm run metrics\`, do not edit -->`;
  const end = `<!-- end of metrics of the ${of} -->`;
  const from = page.indexOf(start);
  const to = page.indexOf(end);
  if (from < 0 || to < from) {
    throw new Error(`Cannot write the table of metrics: the page must have the lines ${start} and ${end}.`);
  }
  const rows = metrics.map(
    ({ name, type, help, labels }) => `| \`${name}\` | ${type} | ${labels.map(code).join(", ")} | ${help} |`,
  );
  const table = ["| metric | type | labels | what |", "|---|---|---|---|", ...rows].join("\n");
  return `${page.slice(0, from)}${start}\n\n${table}\n\n${page.slice(to)}`;
}

function code(label: string): string {
  return `\`${label}\``;
}
