import type { Page, PageRequest } from "../../contract/common.ts";
import type { DriftFinding } from "../../contract/drift.ts";
import type {
  DriftCause,
  DriftCauseDetail,
  DriftCauseListQuery,
  DriftIgnore,
  DriftIgnoreCreate,
} from "../../contract/driftCause.ts";
import { ProblemError } from "../../contract/errors.ts";
import {
  driftCauseHistory,
  driftCauseGet as registryCauseGet,
  driftCauseList as registryCauseList,
} from "../../registry/driftCauseRead.ts";
import { driftFindingList } from "../../registry/driftFindingRead.ts";
import * as registry from "../../registry/driftIgnore.ts";
import { driftSeen } from "../../registry/driftSeen.ts";
import { limits } from "../config/limits.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { requireKnownCohort } from "./fleetScope.ts";

const IGNORES_TOLD = 50;

export async function driftCauseList(
  context: RequestContext,
  query: DriftCauseListQuery,
): Promise<Page<DriftCause>> {
  await authorize(context, "driftCauseList", query.tenantId);
  return context.registry.read((db) => registryCauseList(db, query, Date.now()));
}

export async function driftCauseGet(context: RequestContext, causeId: string): Promise<DriftCauseDetail> {
  await authorize(context, "driftCauseGet");
  return context.registry.read(async (db) => {
    const cause = await registryCauseGet(db, causeId, Date.now());
    const history = await driftCauseHistory(db, causeId);
    const { findingsDigest } = await driftSeen(db, { causeId });
    const { items } = await registry.driftIgnoreList(db, { causeId, ended: false, limit: IGNORES_TOLD });
    return { ...cause, findingsDigest, history, ignores: items };
  });
}

export async function driftCauseFindingList(
  context: RequestContext,
  causeId: string,
  page: PageRequest,
): Promise<Page<DriftFinding>> {
  await authorize(context, "driftCauseFindingList");
  return context.registry.read(async (db) => {
    await registryCauseGet(db, causeId, Date.now());
    return driftFindingList(db, { ...page, status: "open", causeId });
  });
}

/** Whoever wants something ignored says until when; nothing is ignored for good. */
export async function driftIgnoreCreate(
  context: RequestContext,
  causeId: string,
  { scope = {}, expiresAt, reason }: DriftIgnoreCreate,
): Promise<DriftIgnore> {
  await authorize(context, "driftIgnoreCreate");
  const ignore = await changeAs(context, async (change) => {
    await registryCauseGet(change.db, causeId, Date.parse(change.now));
    await requireKnownCohort(change.db, scope);
    const end = requireEnd(expiresAt, change.now);
    return registry.driftIgnoreCreate(change, { causeId, scope, reason, expiresAt: end });
  });
  context.nudges.nudge("drift");
  return ignore;
}

function requireEnd(expiresAt: string, now: string): string {
  const endMs = Date.parse(expiresAt);
  const fromNowMs = endMs - Date.parse(now);
  if (fromNowMs > 0 && fromNowMs <= limits.driftIgnoreMs) return new Date(endMs).toISOString();
  const message = `must be after now (${now}) and at most ${limits.driftIgnoreMs} ms later`;
  throw new ProblemError("invalid_request", {
    detail: `Cannot ignore the cause: body.expiresAt ${message}, got ${expiresAt}.`,
    hint: "What is to stay belongs into the stack, or into its ignoreChanges.",
    errors: [{ path: "body.expiresAt", message, value: expiresAt }],
  });
}

export async function driftIgnoreList(
  context: RequestContext,
  query: PageRequest & { readonly causeId?: string | undefined; readonly ended: boolean },
): Promise<Page<DriftIgnore>> {
  await authorize(context, "driftIgnoreList");
  return context.registry.read((db) => registry.driftIgnoreList(db, query));
}

export async function driftIgnoreEnd(
  context: RequestContext,
  ignoreId: string,
  reason: string | undefined,
): Promise<DriftIgnore> {
  await authorize(context, "driftIgnoreEnd");
  const ended = await changeAs(context, (change) =>
    registry.driftIgnoreEnd(change, ignoreId, change.context.actor.id, reason ?? null),
  );
  context.nudges.nudge("drift");
  return ended;
}
