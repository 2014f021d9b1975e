import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  DEPLOYMENT_STATES,
  DRIFT_STATES,
  ENVIRONMENTS,
  HEALTH_STATES,
  OPERATION_KINDS,
  OPERATION_STATUSES,
} from "../../contract/vocabulary.ts";
import { factsOf, isOurs, registries, withMetricsTables } from "../../script/lib/metricsTable.ts";
import { readPromql, type Selector, withoutVariables } from "./promql.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}
interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

const { groups } = parse(read("observability/alerts/tenantry.yaml")) as {
  groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const dashboards = readdirSync(join(root, "observability/dashboards")).map(
  (file) => [file, JSON.parse(read(`observability/dashboards/${file}`)) as Dashboard] as const,
);

/** What a scrape adds by itself, and what Prometheus knows of every target. */
const ADDED_LABELS = ["job", "instance"];
const MADE_BY_PROMETHEUS = [{ name: "up", type: "gauge", labels: [] as readonly string[] }];

const metrics = Object.values(registries).flatMap((registry) => factsOf(registry()));

/** The series that a metric is made of, with their labels. */
const series = new Map<string, readonly string[]>(
  [...metrics, ...MADE_BY_PROMETHEUS].flatMap(({ name, type, labels }): [string, readonly string[]][] => {
    const known = [...labels, ...ADDED_LABELS];
    if (type !== "histogram") return [[name, known]];
    return [
      [`${name}_bucket`, [...known, "le"]],
      [`${name}_sum`, known],
      [`${name}_count`, known],
    ];
  }),
);

/** Values that a label may have; one that it cannot have would choose nothing, and an alert on it never ring. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  kind: OPERATION_KINDS,
  state: DEPLOYMENT_STATES,
  environment: ENVIRONMENTS,
  health: HEALTH_STATES,
  drift: DRIFT_STATES,
  decision: ["allow", "deny", "error"],
  outcome: ["succeeded", "failed", "overtaken", "allow", "deny", "error"],
  job: ["tenantry", "tenantry-router"],
  status: [...OPERATION_STATUSES, "2xx", "3xx", "4xx", "5xx", "5.."],
  le: ["900"],
};

function faultsOf(expression: string): string[] {
  const { selectors, grouping } = readPromql(withoutVariables(expression));
  const known = new Set(selectors.flatMap(({ name }) => series.get(name) ?? []));
  const strange = grouping.filter((label) => !known.has(label)).map((label) => `groups by ${label}`);
  return [...selectors.flatMap(faultsOfSelector), ...strange];
}

function faultsOfSelector({ name, matchers }: Selector): string[] {
  const labels = series.get(name);
  if (labels === undefined) return [`no series ${name}`];
  return matchers.flatMap(({ label, operator, value }) => {
    if (!labels.includes(label)) return [`${name} has no label ${label}`];
    const values = VALUES[label];
    const isKnown = operator.includes("~") || values === undefined || values.includes(value);
    return isKnown ? [] : [`${name} never has ${label}="${value}"`];
  });
}

const expressions = [
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
  ...dashboards.flatMap(([file, { panels }]) =>
    panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [`${file} ${title}`, expr] as const),
    ),
  ),
];

describe("alerts and dashboards", () => {
  it.each(expressions)("%s: asks for series, labels and values that there are", (_where, expression) => {
    expect(faultsOf(expression)).toEqual([]);
  });

  it.each([
    ["sum(tenantry_no_such_metric)", "no series tenantry_no_such_metric"],
    ["tenantry_operation_duration_seconds > 1", "no series tenantry_operation_duration_seconds"],
    ['tenantry_operations_queued{tenant="x"}', "tenantry_operations_queued has no label tenant"],
    ["sum by (plane) (tenantry_operations_queued)", "groups by plane"],
    [
      'tenantry_operation_duration_seconds_count{status="success"}',
      'tenantry_operation_duration_seconds_count never has status="success"',
    ],
  ])("would be caught asking for what there is not: %s", (expression, fault) => {
    expect(faultsOf(expression)).toEqual([fault]);
  });

  it.each(["sum(rate(x[5m])", "x >> 3", "rate(x[5 m])", ""])(
    "would be caught not being PromQL: %j",
    (expression) => {
      expect(() => readPromql(expression)).toThrow("Cannot read PromQL");
    },
  );
});

describe("alerts", () => {
  it.each(rules)(
    "$alert has a severity, a summary, and a runbook that exists",
    ({ alert, labels, annotations, ...rule }) => {
      expect(alert).toMatch(/^Tenantry[A-Z][A-Za-z]+$/);
      expect(["page", "ticket"]).toContain(labels.severity);
      expect(rule.for).toMatch(/^\d+[mh]$/);
      expect(annotations.summary.length).toBeGreaterThan(10);
      const [page = "", place] = annotations.runbook.split("#");
      const headings = read(page).match(/^## .+$/gm) ?? [];
      expect(headings.map((heading) => heading.slice(3).toLowerCase())).toContain(place);
    },
  );

  it("each have a name of their own, and each place on the page has an alert", () => {
    const names = rules.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    const places = (read("docs/runbooks/alerts.md").match(/^## Tenantry\w+$/gm) ?? []).map((line) =>
      line.slice(3),
    );
    const meant = new Set(rules.map(({ annotations }) => annotations.runbook.split("#")[1]));
    expect(new Set(places.map((place) => place.toLowerCase()))).toEqual(meant);
  });

  it("each have a case in which they ring", () => {
    const { tests } = parse(read("observability/alerts/tenantry.test.yaml")) as {
      readonly tests: readonly {
        readonly alert_rule_test: readonly {
          readonly alertname: string;
          readonly exp_alerts: readonly unknown[];
        }[];
      }[];
    };
    const rung = tests.flatMap((test) =>
      test.alert_rule_test.flatMap(({ alertname, exp_alerts }) => (exp_alerts.length > 0 ? [alertname] : [])),
    );
    expect(new Set(rung)).toEqual(new Set(rules.map(({ alert }) => alert)));
  });

  it("use in their words only labels that their expression keeps", () => {
    for (const { alert, expr, annotations } of rules) {
      const { grouping } = readPromql(expr);
      const named = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      for (const label of named) expect(grouping, alert).toContain(label);
    }
  });
});

describe.each(dashboards)("dashboard %s", (_file, { uid, title, panels, templating }) => {
  it("has a name, panels with ids of their own, and a place for each", () => {
    expect([uid, title].every((name) => /^tenantry/i.test(name))).toBe(true);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size, "panels lie over one another").toBe(cells.length);
  });

  it("takes its data from the source that is chosen, by variables that it has", () => {
    const names = new Set(templating.list.map(({ name }) => name));
    expect(names).toContain("datasource");
    for (const { targets = [] } of panels) {
      for (const { expr, datasource } of targets) {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana's
        expect(datasource.uid).toBe("${datasource}");
        const used = [...expr.matchAll(/\$([a-z]+)/g)].map(([, name]) => name);
        for (const name of used) expect(names).toContain(name);
      }
    }
  });

  it("chooses its variables' values from labels that there are", () => {
    for (const { name, query } of templating.list) {
      if (name === "datasource") continue;
      const text = (query as { readonly query: string }).query;
      const [, selector = "", label = ""] = /^label_values\((.+), (\w+)\)$/.exec(text) ?? [];
      expect(faultsOf(`sum by (${label}) (${selector})`)).toEqual([]);
    }
  });
});

describe("docs/observability.md", () => {
  it("has the metrics as the code has them (npm run metrics)", () => {
    const page = read("docs/observability.md");
    expect(withMetricsTables(page)).toBe(page);
  });

  it("says what each metric is, in words that fit a table", () => {
    for (const { name, help } of metrics.filter(isOurs)) {
      expect(help.length, name).toBeGreaterThan(8);
      expect(help, name).not.toMatch(/[|\n]|\.$/);
    }
  });
});
