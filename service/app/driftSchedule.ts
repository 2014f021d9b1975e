import type { Page, PageRequest } from "../../contract/common.ts";
import type { DriftSchedule, DriftScheduleCreate } from "../../contract/driftSchedule.ts";
import * as registry from "../../registry/driftSchedule.ts";
import { requireSchedule } from "../drift/schedules.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { requireKnownCohort } from "./fleetScope.ts";

export async function driftScheduleCreate(
  context: RequestContext,
  { reason, ...input }: DriftScheduleCreate,
): Promise<DriftSchedule> {
  await authorize(context, "driftScheduleCreate");
  return changeAs(context, async (change) => {
    await requireKnownCohort(change.db, input.scope);
    change.afterCommit(() => context.nudges.nudge("drift"));
    const nextRunAt = requireSchedule(input.cron, input.timeZone, new Date(change.now));
    return registry.driftScheduleCreate(change, { ...input, reason: reason ?? null }, nextRunAt);
  });
}

export async function driftScheduleList(
  context: RequestContext,
  page: PageRequest,
): Promise<Page<DriftSchedule>> {
  await authorize(context, "driftScheduleList");
  return context.registry.read((db) => registry.driftScheduleList(db, page));
}

export async function driftScheduleDelete(
  context: RequestContext,
  scheduleId: string,
  reason: string | undefined,
): Promise<DriftSchedule> {
  await authorize(context, "driftScheduleDelete");
  return changeAs(context, (change) => registry.driftScheduleDelete(change, scheduleId, reason ?? null));
}
