import { stringify } from "yaml";
import type { Page, PageRequest } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import {
  PLAN_API_VERSION,
  type PlanApplyQuery,
  type PlanBody,
  type PlanDiff,
  type PlanResult,
  type PlanResults,
  type PlanSummary,
  type PlanVersion,
} from "../../contract/plan.ts";
import * as registry from "../../registry/plan.ts";
import type { Reader } from "../../registry/registry.ts";
import { planChanges, specOf } from "../plans/compare.ts";
import { type ParsedPlan, parsePlans } from "../plans/parse.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

/** The catalog of plans: apply, list, compare. Which tenant has which is in the tenants' records. */

/** All plans are one change: a catalog is taken whole or not at all. */
export async function planApply(
  context: RequestContext,
  body: PlanBody,
  { dryRun, reason }: PlanApplyQuery,
): Promise<PlanResults> {
  await authorize(context, "planApply");
  const plans = await parsePlans(body);
  const compared = await context.registry.read((db) => compareAll(db, plans));
  const isNothingNew = compared.every(({ result }) => result === "none");
  if (dryRun || isNothingNew) return { dryRun, plans: compared };
  return changeAs(context, async (change) => {
    // Compared again, now that nobody else can write.
    const results = await compareAll(change.db, plans);
    for (const { document } of plans) {
      await registry.planVersionCreate(change, document.metadata.key, document.spec, reason);
    }
    return { dryRun, plans: results };
  });
}

async function compareAll(db: Reader, plans: readonly ParsedPlan[]): Promise<PlanResult[]> {
  const results: PlanResult[] = [];
  for (const plan of plans) results.push(await compare(db, plan));
  return results;
}

async function compare(db: Reader, { document, file, line }: ParsedPlan): Promise<PlanResult> {
  const { metadata, spec } = document;
  const before = await registry.planFind(db, metadata.key);
  const digest = registry.planDigest(spec);
  const isSame = before?.digest === digest;
  const fromVersion = before?.version ?? null;
  if (!isSame) refuseOvertaken(metadata, fromVersion);
  return {
    ...{ plan: metadata.key, file, line, fromVersion, digest },
    result: before === undefined ? "create" : isSame ? "none" : "version",
    version: (before?.version ?? 0) + (isSame ? 0 : 1),
    changes: planChanges(before && specOf(before), spec),
  };
}

/** A text that says what it was made from is not put upon something else. */
function refuseOvertaken(metadata: ParsedPlan["document"]["metadata"], version: number | null): void {
  const { key, follows } = metadata;
  if (follows === undefined || follows === (version ?? 0)) return;
  throw new ProblemError("version_conflict", {
    detail: `Cannot apply the plan ${key}: it follows version ${follows}, but the newest is ${version ?? "none"}.`,
    hint: `Look at what has changed with GET /v1/control-plane/plans/${key}/diff?from=${Math.max(follows, 1)}, and say what it follows now.`,
    errors: [{ path: "metadata.follows", message: `is not ${version ?? 0}`, value: follows }],
  });
}

export async function planList(context: RequestContext, page: PageRequest): Promise<Page<PlanSummary>> {
  await authorize(context, "planList");
  return context.registry.read((db) => registry.planList(db, page));
}

export async function planGet(
  context: RequestContext,
  plan: string,
  version: number | undefined,
): Promise<PlanVersion> {
  await authorize(context, "planGet");
  return context.registry.read((db) => planAt(db, plan, version));
}

export async function planVersionList(
  context: RequestContext,
  plan: string,
  page: PageRequest,
): Promise<Page<PlanVersion>> {
  await authorize(context, "planVersionList");
  return context.registry.read(async (db) => {
    await planAt(db, plan, undefined);
    return registry.planVersionList(db, plan, page);
  });
}

export async function planDiff(
  context: RequestContext,
  plan: string,
  versions: { readonly from: number; readonly to?: number | undefined },
): Promise<PlanDiff> {
  await authorize(context, "planDiff");
  const [before, after] = await context.registry.read((db) =>
    Promise.all([planAt(db, plan, versions.from), planAt(db, plan, versions.to)]),
  );
  const changes = planChanges(specOf(before), specOf(after));
  return { plan, from: before.version, to: after.version, changes };
}

/** With what it would follow, so that an edit of an old export does not undo what came since. */
export async function planExport(
  context: RequestContext,
  plan: string,
  version: number | undefined,
): Promise<string> {
  await authorize(context, "planExport");
  const [found, newest] = await context.registry.read((db) =>
    Promise.all([planAt(db, plan, version), planAt(db, plan, undefined)]),
  );
  const document = {
    ...{ apiVersion: PLAN_API_VERSION, kind: "Plan", metadata: { key: plan, follows: newest.version } },
    spec: specOf(found),
  };
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Of a path: 404 rather than a wrong body. */
async function planAt(db: Reader, plan: string, version: number | undefined): Promise<PlanVersion> {
  const found = await registry.planFind(db, plan, version);
  if (found !== undefined) return found;
  const newest = await registry.planFind(db, plan);
  if (newest === undefined) {
    throw new ProblemError("plan_not_found", {
      detail: `Cannot find the plan ${plan}.`,
      hint: "List plans with GET /v1/control-plane/plans.",
      errors: [{ path: "path.planKey", message: "is no plan's key", value: plan }],
    });
  }
  throw new ProblemError("plan_version_not_found", {
    detail: `Cannot find version ${version} of the plan ${plan}: it has versions 1 to ${newest.version}.`,
    hint: `List them with GET /v1/control-plane/plans/${plan}/versions.`,
    errors: [{ path: "query.version", message: `is no version of ${plan}`, value: version }],
  });
}
