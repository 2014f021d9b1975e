import { type FieldError, ProblemError } from "../../contract/errors.ts";
import { MANIFEST_LIMITS } from "../../contract/manifest.ts";
import { PLAN_LIMITS, type PlanBody, type PlanDocument, planDocumentSchema } from "../../contract/plan.ts";
import { routes } from "../../contract/routes.ts";
import { secretShapeOf } from "../../contract/secretShape.ts";
import { isCountedByTenant } from "../limits/countedByTenant.ts";
import { issuesAt } from "../manifest/issues.ts";
import { locate } from "../manifest/locate.ts";
import { nearest } from "../manifest/nearest.ts";
import { sourcesOf } from "../manifest/parse.ts";
import { inOrder, placeOf, readYaml, startOf, type YamlDocument } from "../manifest/readYaml.ts";

/** Plans out of the texts of a catalog, or all that is wrong with them, each with file, line and column. */
export interface ParsedPlan {
  readonly document: PlanDocument;
  readonly file: string;
  readonly line: number;
  problem(path: string, message: string, hint?: string): FieldError;
}

/** Throws `catalog_invalid` with every problem found. */
export async function parsePlans(body: PlanBody): Promise<ParsedPlan[]> {
  const plans: ParsedPlan[] = [];
  const problems: FieldError[] = [];
  const sources = sourcesOf(body, "catalog");
  for (const source of sources) {
    const read = await readYaml(source);
    problems.push(...read.problems);
    for (const document of read.documents) {
      const result = planDocumentSchema.safeParse(document.value);
      if (result.success) plans.push(parsed(result.data, document));
      problems.push(...inOrder(issuesAt(document, result.error?.issues ?? [], planDocumentSchema)));
    }
  }
  const [first] = sources;
  const whole = { path: "", file: first?.file ?? "catalog", line: 1, column: 1 };
  if (plans.length === 0 && problems.length === 0) problems.push({ ...whole, message: "holds no plan" });
  if (plans.length > PLAN_LIMITS.plans)
    problems.push({ ...whole, message: `is too much: at most ${PLAN_LIMITS.plans} plans at once` });
  problems.push(...duplicates(plans), ...plans.flatMap((plan) => [...unfit(plan)]));
  refuseCatalog(problems);
  return plans;
}

export function refuseCatalog(problems: readonly FieldError[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const where = `${first.file}:${first.line}:${first.column}`;
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  throw new ProblemError("catalog_invalid", {
    detail: `Cannot take the catalog: ${where} ${[first.path, first.message].filter(Boolean).join(" ")}${more}. Nothing has been changed.`,
    hint: first.hint ?? "Correct what is listed in errors; docs/plans.md describes every field.",
    errors: problems.slice(0, MANIFEST_LIMITS.problems),
  });
}

function parsed(plan: PlanDocument, document: YamlDocument): ParsedPlan {
  const { file, lines, contents } = document;
  return {
    ...{ document: plan, file },
    line: placeOf(lines, startOf(contents)).line,
    problem: (path, message, hint) => ({
      ...{ path, file, ...locate(document, path.split(".")), message },
      ...(hint === undefined ? {} : { hint }),
    }),
  };
}

function* duplicates(plans: readonly ParsedPlan[]): Generator<FieldError> {
  const seen = new Map<string, ParsedPlan>();
  for (const one of plans) {
    const { key } = one.document.metadata;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, one);
    else yield one.problem("metadata.key", `is there twice: ${key} is in ${first.file}:${first.line} too`);
  }
}

/** What the schema cannot know: the API's operations, and what looks like a secret in words that everybody reads. */
function* unfit({ document, problem }: ParsedPlan): Generator<FieldError> {
  const { displayName, description, rateLimits } = document.spec;
  for (const operationId of Object.keys(rateLimits.endpoints)) {
    const path = `spec.rateLimits.endpoints.${operationId}`;
    if (isCountedByTenant(operationId)) continue;
    if (Object.hasOwn(routes, operationId)) {
      yield problem(path, "names no tenant in its path, so it is counted for none");
      continue;
    }
    const meant = nearest(operationId, Object.keys(routes));
    const hint = meant === undefined ? "GET /openapi.json names them all." : `Did you mean ${meant}?`;
    yield problem(path, "is no operation of the API", hint);
  }
  for (const [name, text] of Object.entries({ displayName, description })) {
    const shape = secretShapeOf(text);
    if (shape !== undefined) yield problem(`spec.${name}`, `looks like ${shape}`);
  }
}
