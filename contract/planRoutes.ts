import { z } from "zod";
import { pageOf, pageQuery } from "./common.ts";
import {
  planApplyQuerySchema,
  planBodySchema,
  planDiffSchema,
  planResultsSchema,
  planSummarySchema,
  planVersionSchema,
} from "./plan.ts";
import { planKeySchema } from "./planKey.ts";
import { defineRoutes } from "./route.ts";

const base = "/v1/control-plane/plans";
const params = z.strictObject({ planKey: planKeySchema });
const versionInQuery = z.coerce.number().int().min(1).max(1_000_000);

export const planRoutes = defineRoutes({
  planApply: {
    method: "post",
    path: `${base}/apply`,
    tag: "Plans",
    summary: "Apply a catalog of plans",
    description:
      "A plan that says something new gets its next version; one that says the same stays as it is. All of it is checked " +
      "before anything is written. No tenant changes: each stays bound to the version it has.",
    role: "fleet_admin",
    query: planApplyQuerySchema,
    body: planBodySchema,
    acceptsYaml: "documents",
    status: 200,
    response: planResultsSchema,
    errors: ["catalog_invalid", "version_conflict", "too_many_plans"],
  },
  planList: {
    method: "get",
    path: base,
    tag: "Plans",
    summary: "List plans, by key",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(planSummarySchema, "PlanPage"),
    errors: [],
  },
  planGet: {
    method: "get",
    path: `${base}/:planKey`,
    tag: "Plans",
    summary: "Get a version of a plan, the newest when none is named",
    role: "auditor",
    params,
    query: z.strictObject({ version: versionInQuery.optional() }),
    status: 200,
    response: planVersionSchema,
    errors: ["plan_not_found", "plan_version_not_found"],
  },
  planVersionList: {
    method: "get",
    path: `${base}/:planKey/versions`,
    tag: "Plans",
    summary: "List a plan's versions, newest first",
    role: "auditor",
    params,
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(planVersionSchema, "PlanVersionPage"),
    errors: ["plan_not_found"],
  },
  planDiff: {
    method: "get",
    path: `${base}/:planKey/diff`,
    tag: "Plans",
    summary: "Say what differs between two versions of a plan",
    role: "auditor",
    params,
    query: z.strictObject({
      from: versionInQuery,
      to: versionInQuery.optional().meta({ description: "The newest when left out" }),
    }),
    status: 200,
    response: planDiffSchema,
    errors: ["plan_not_found", "plan_version_not_found"],
  },
  planExport: {
    method: "get",
    path: `${base}/:planKey/export`,
    tag: "Plans",
    summary: "A version of a plan as YAML, as a catalog has it",
    description: "Applied unchanged, the newest version changes nothing.",
    role: "auditor",
    params,
    query: z.strictObject({ version: versionInQuery.optional() }),
    status: 200,
    produces: "application/yaml",
    errors: ["plan_not_found", "plan_version_not_found"],
  },
});
