import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

/** A series that an expression asks for: its name and the labels it is chosen by. */
export interface Selector {
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

export interface Expression {
  readonly selectors: readonly Selector[];
  /** The labels it groups by. */
  readonly grouping: readonly string[];
}

/** What Grafana puts in before Prometheus sees the expression. */
export function withoutVariables(expression: string): string {
  return expression.replaceAll("$__rate_interval", "5m").replaceAll(/\$[a-z]+/g, ".*");
}

/** Reads PromQL with the parser of Prometheus' own web interface; throws at the first thing it cannot read. */
export function readPromql(expression: string): Expression {
  const selectors: Selector[] = [];
  const grouping: string[] = [];
  const textOf = (node: SyntaxNode) => expression.slice(node.from, node.to);
  parser.parse(expression).iterate({
    enter({ node }) {
      if (node.type.isError) {
        const near = expression.slice(Math.max(0, node.from - 20), node.to + 20);
        throw new Error(`Cannot read PromQL at ${node.from}: "${near}" in ${expression}`);
      }
      if (node.name === "VectorSelector") selectors.push(selectorOf(node, textOf));
      if (node.name === "GroupingLabels") grouping.push(...node.getChildren("LabelName").map(textOf));
    },
  });
  return { selectors, grouping };
}

function selectorOf(node: SyntaxNode, textOf: (node: SyntaxNode) => string): Selector {
  const identifier = node.getChild("Identifier");
  if (identifier === null) throw new Error(`Cannot check ${textOf(node)}: it must name a metric.`);
  const matchers = node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
  return {
    name: textOf(identifier),
    matchers: matchers.map((matcher) => {
      const [label = "", operator = "", value = '""'] = ["LabelName", "MatchOp", "StringLiteral"].map(
        (part) => {
          const child = matcher.getChild(part);
          return child === null ? undefined : textOf(child);
        },
      );
      return { label, operator, value: JSON.parse(value) as string };
    }),
  };
}
