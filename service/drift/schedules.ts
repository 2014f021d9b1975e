import { randomUUID } from "node:crypto";
import { ProblemError } from "../../contract/errors.ts";
import { driftScanCreate, driftScanUnderWay } from "../../registry/driftScan.ts";
import { driftScheduleRan, driftSchedulesDue } from "../../registry/driftSchedule.ts";
import { driftPlacesIn } from "../../registry/driftScope.ts";
import { SCANNABLE } from "../../registry/driftSeen.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { scheduleOf } from "../windows/schedule.ts";

/**
 * Scans that nobody has to ask for. A run that is due while the schedule's last scan has not ended is left out and counted; runs that
 * fell due while no service was there are made up for by one.
 */
export async function runSchedules(service: ServiceContext): Promise<number> {
  const now = new Date();
  const due = await service.registry.read((db) =>
    driftSchedulesDue(db, now.toISOString(), limits.driftSchedulesAtOnce),
  );
  for (const schedule of due) {
    const id = randomUUID();
    await service.registry.change(controllerFor({ requestId: id, correlationId: id }), async (change) => {
      const [still] = (
        await driftSchedulesDue(change.db, now.toISOString(), limits.driftSchedulesAtOnce)
      ).filter(({ scheduleId }) => scheduleId === schedule.scheduleId);
      if (still === undefined) return;
      const { scheduleId, scope, cron, timeZone } = still;
      const nextRunAt = nextRun(cron, timeZone, now);
      if (await driftScanUnderWay(change.db, scheduleId)) {
        return driftScheduleRan(change, still, { scanId: null, nextRunAt });
      }
      const targets = await driftPlacesIn(change.db, scope, SCANNABLE);
      const { scanId } = await driftScanCreate(change, { scope, targets, scheduleId });
      await driftScheduleRan(change, still, { scanId, nextRunAt });
      change.afterCommit(() => service.nudges.nudge("scans"));
    });
  }
  return due.length;
}

/** ISO 8601; null when the cron names no time that will ever come. */
export function nextRun(cron: string, timeZone: string, after: Date): string | null {
  return scheduleOf(cron, timeZone).next(after)?.toISOString() ?? null;
}

const RUNS_COMPARED = 50;

/** The first run. Refuses a cron or a zone that is none, and one whose runs come too close to each other. */
export function requireSchedule(cron: string, timeZone: string, now: Date): string | null {
  try {
    const schedule = scheduleOf(cron, timeZone);
    let before = schedule.next(now);
    const first = before?.toISOString() ?? null;
    for (let run = 1; run < RUNS_COMPARED && before !== undefined; run += 1) {
      const next = schedule.next(before);
      if (next !== undefined && next.getTime() - before.getTime() < limits.driftScheduleEveryMs) {
        throw new RangeError(`its runs are ${next.getTime() - before.getTime()} ms apart`);
      }
      before = next;
    }
    return first;
  } catch (cause) {
    const message = `must be five fields of cron in an IANA zone, ${limits.driftScheduleEveryMs} ms between runs at least`;
    const got = `${cron} ${timeZone} (${cause instanceof Error ? cause.message : "not readable"})`;
    throw new ProblemError("invalid_request", {
      detail: `Cannot make the schedule: body.cron ${message}, got ${got}.`,
      hint: "Such as 30 2 * * * with the time zone Europe/Berlin.",
      errors: [{ path: "body.cron", message, value: cron }],
      cause,
    });
  }
}
