import { type FieldError, ProblemError } from "../../contract/errors.ts";
import type { WindowCreate } from "../../contract/window.ts";
import { nearest } from "../manifest/nearest.ts";
import { type Schedule, scheduleOf } from "./schedule.ts";

/**
 * What the contract's schema cannot know of a window: whether its zone is one, whether its pattern is cron, whether it ever comes
 * about, and whether a freeze leaves anything open.
 */
export function refuseBadTimes(window: WindowCreate, now: Date): void {
  const problem = problemOf(window, now);
  if (problem === undefined) return;
  throw new ProblemError("invalid_request", {
    detail: `Cannot read the request's body: ${problem.path} ${problem.message}.`,
    hint: problem.hint ?? "Correct the fields listed in errors.",
    errors: [problem],
  });
}

function problemOf(window: WindowCreate, now: Date): FieldError | undefined {
  const { cron, timeZone, durationMs = 0, untilAt } = window;
  if (cron === undefined || timeZone === undefined) {
    const isOver = untilAt !== undefined && untilAt <= now.toISOString();
    const message = `must be later than now (${now.toISOString()})`;
    return isOver ? { path: "body.untilAt", message, value: untilAt } : undefined;
  }
  if (!isZone(timeZone)) return noZone(timeZone);
  const schedule = read(cron, timeZone);
  if (typeof schedule === "string") return noCron(cron, schedule);
  const next = schedule.next(now);
  if (next === undefined) return noCron(cron, "names a day that never comes");
  if (window.effect === "deny" && neverOpens(schedule, next, durationMs)) {
    const message =
      "must be shorter than the time from one beginning to the next, or nothing could ever start";
    return { path: "body.durationMs", message, value: durationMs };
  }
  return undefined;
}

function read(cron: string, timeZone: string): Schedule | string {
  if (!/^\S+( \S+){4}$/.test(cron)) return "must have five fields with single spaces between";
  try {
    return scheduleOf(cron, timeZone);
  } catch (thrown) {
    return `is no cron pattern (${(thrown as Error).message.replace(/^CronPattern: /, "")})`;
  }
}

/** Enough beginnings in a row without a gap to take it for a freeze that never ends: those of a week, by the hour. */
const BEGINNINGS = 168;

function neverOpens(schedule: Schedule, first: Date, durationMs: number): boolean {
  let begin = first;
  for (let count = 0; count < BEGINNINGS; count += 1) {
    const next = schedule.next(begin);
    if (next === undefined || next.getTime() > begin.getTime() + durationMs) return false;
    begin = next;
  }
  return true;
}

/** Of the IANA database: an offset such as +02:00 knows no change of the clocks, and Intl would take it. */
function isZone(timeZone: string): boolean {
  if (!/^[A-Za-z]/.test(timeZone)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return true;
  } catch {
    return false;
  }
}

function noZone(timeZone: string): FieldError {
  const meant = nearest(timeZone, Intl.supportedValuesOf("timeZone"));
  const hint = meant === undefined ? "Such as UTC or Europe/Berlin." : `Did you mean ${meant}?`;
  return { path: "body.timeZone", message: "must be an IANA time zone", value: timeZone, hint };
}

function noCron(cron: string, message: string): FieldError {
  const hint = "Minute, hour, day, month, day of the week: `0 2 * * 6` is 02:00 on Saturdays.";
  return { path: "body.cron", message, value: cron, hint };
}
