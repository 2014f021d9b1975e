import type { Page } from "../../contract/common.ts";
import type {
  Window,
  WindowCreate,
  WindowEvaluation,
  WindowEvaluationQuery,
  WindowListQuery,
} from "../../contract/window.ts";
import { planeGet } from "../../registry/plane.ts";
import type { Change } from "../../registry/registry.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import * as registry from "../../registry/window.ts";
import { refuseBadTimes } from "../windows/check.ts";
import { windowAnswerOf, windowAt } from "../windows/evaluate.ts";
import { authorize, authorizeRecord } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

export async function windowCreate(context: RequestContext, input: WindowCreate): Promise<Window> {
  const { tenantId = null, planeName = null, reason, effect } = input;
  await authorize(context, "windowCreate", input.tenantId);
  const { cron = null, durationMs = null, timeZone = null, fromAt = null, untilAt = null } = input;
  // Looking through a calendar takes its time: before the change, which others wait for.
  refuseBadTimes(input, new Date());
  const making = async (change: Change) => {
    if (tenantId !== null) await tenantGet(change.db, tenantId);
    if (planeName !== null) await planeGet(change.db, planeName);
    const times = { cron, durationMs, timeZone, fromAt, untilAt };
    return registry.windowCreate(change, { effect, tenantId, planeName, ...times, reason });
  };
  return changeAs(context, making, tenantId === null ? undefined : { tenantId });
}

export async function windowList(context: RequestContext, query: WindowListQuery): Promise<Page<Window>> {
  await authorize(context, "windowList", query.tenantId);
  return context.registry.read((db) => registry.windowList(db, query));
}

export async function windowGet(context: RequestContext, windowId: string): Promise<Window> {
  return authorizeRecord(context, "windowGet", (db) => registry.windowGet(db, windowId));
}

export async function windowDelete(
  context: RequestContext,
  windowId: string,
  reason: string | undefined,
): Promise<Window> {
  const { tenantId } = await authorizeRecord(context, "windowDelete", (db) =>
    registry.windowGet(db, windowId),
  );
  const ending = (change: Change) => registry.windowEnd(change, windowId, reason ?? null);
  return changeAs(context, ending, tenantId === null ? undefined : { tenantId });
}

/** As a deployment would be answered: for the tenant as a whole, which is open when all its targets are, and for each. */
export async function windowEvaluation(
  context: RequestContext,
  { tenantId, at = new Date().toISOString() }: WindowEvaluationQuery,
): Promise<WindowEvaluation> {
  await authorize(context, "windowEvaluation", tenantId);
  return context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    const live = await targetsOfTenant(db, tenantId);
    const rules = await registry.windowsFor(db, tenantId, [...new Set(live.map((one) => one.planeName))]);
    const answer = (planes: readonly string[]) =>
      windowAnswerOf(
        windowAt(
          rules.filter(({ planeName }) => planeName === null || planes.includes(planeName)),
          new Date(at),
        ),
      );
    const targets = live.map(({ targetId, planeName }) => ({ targetId, planeName, ...answer([planeName]) }));
    const whole = answer(live.map(({ planeName }) => planeName));
    return { tenantId, at, ...whole, targets, rules };
  });
}
