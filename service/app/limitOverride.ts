import type { Page } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import {
  LIMIT_OVERRIDE_LIMITS,
  type LimitOverride,
  type LimitOverrideCreate,
  type LimitOverrideListQuery,
} from "../../contract/limitOverride.ts";
import { OPERATION_IDS } from "../../contract/routes.ts";
import * as registry from "../../registry/limitOverride.ts";
import type { Change } from "../../registry/registry.ts";
import { later } from "../../registry/stackLease.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { isCountedByTenant } from "../limits/countedByTenant.ts";
import { authorize, authorizeRecord } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { refusePast } from "./refusePast.ts";

export async function limitOverrideCreate(
  context: RequestContext,
  input: LimitOverrideCreate,
): Promise<LimitOverride> {
  const { tenantId, limit, expiresAt } = input;
  await authorize(context, "limitOverrideCreate", tenantId);
  if (limit.kind === "rate" && limit.operationId !== null) refuseUnknownOperation(limit.operationId);
  return changeAs(
    context,
    async (change) => {
      await tenantGet(change.db, tenantId);
      refusePast(expiresAt, change.now);
      refuseForEver(expiresAt, later(change.now, LIMIT_OVERRIDE_LIMITS.lifetimeMs));
      change.afterCommit(() => context.nudges.nudge("limits"));
      return registry.limitOverrideCreate(change, input);
    },
    { tenantId },
  );
}

export async function limitOverrideEnd(
  context: RequestContext,
  overrideId: string,
  reason: string,
): Promise<LimitOverride> {
  const now = new Date().toISOString();
  const { tenantId } = await authorizeRecord(context, "limitOverrideEnd", (db) =>
    registry.limitOverrideGet(db, overrideId, now),
  );
  const ending = (change: Change) => {
    change.afterCommit(() => context.nudges.nudge("limits"));
    return registry.limitOverrideEnd(change, overrideId, reason);
  };
  return changeAs(context, ending, { tenantId });
}

export async function limitOverrideGet(context: RequestContext, overrideId: string): Promise<LimitOverride> {
  const now = new Date().toISOString();
  return authorizeRecord(context, "limitOverrideGet", (db) => registry.limitOverrideGet(db, overrideId, now));
}

export async function limitOverrideList(
  context: RequestContext,
  query: LimitOverrideListQuery,
): Promise<Page<LimitOverride>> {
  await authorize(context, "limitOverrideList", query.tenantId);
  const now = new Date().toISOString();
  return context.registry.read((db) => registry.limitOverrideList(db, query, now));
}

function refuseForEver(expiresAt: string, latest: string): void {
  if (expiresAt <= latest) return;
  throw new ProblemError("invalid_request", {
    detail: `Cannot read the request's body: body.expiresAt must be at most 366 days from now (${latest}), got ${expiresAt}.`,
    hint: "Renew the override before it ends, or give the tenant another plan.",
    errors: [{ path: "body.expiresAt", message: `must not be after ${latest}`, value: expiresAt }],
  });
}

function refuseUnknownOperation(operationId: string): void {
  if (isCountedByTenant(operationId)) return;
  if ((OPERATION_IDS as readonly string[]).includes(operationId)) {
    throw new ProblemError("invalid_request", {
      detail: `Cannot read the request's body: body.limit.operationId must be an operation on a tenant, and ${operationId} names none in its path.`,
      hint: "Requests are counted for the tenant in their path. Choose an operation whose path has {tenantId}, or null for all of them.",
      errors: [{ path: "body.limit.operationId", message: "is counted for no tenant", value: operationId }],
    });
  }
  throw new ProblemError("invalid_request", {
    detail: `Cannot read the request's body: body.limit.operationId must be an operation of this API, got ${operationId}.`,
    hint: "They are listed at /docs and in /openapi.json as operationId.",
    errors: [{ path: "body.limit.operationId", message: "is no operation's id", value: operationId }],
  });
}
