import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { type PlanDocument, type PlanSpec, planDocumentSchema } from "../../contract/plan.ts";

export const catalogText = readFileSync(new URL("../../catalog/plans.yaml", import.meta.url), "utf8");

/** The plans of catalog/plans.yaml, which are those that a registry begins with. */
export const catalogPlans: readonly PlanDocument[] = parseAllDocuments(catalogText).map((document) =>
  planDocumentSchema.parse(document.toJS()),
);

export function catalogPlan(key: string): PlanSpec {
  const found = catalogPlans.find(({ metadata }) => metadata.key === key);
  if (found === undefined) throw new Error(`the catalog has no plan ${key}`);
  return found.spec;
}
