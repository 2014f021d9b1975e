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
  if (window.effect === "deny" && neverOpens(schedule, cron, next, durationMs)) {
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

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** After so long a pattern begins again; the clocks' changes apart, what has no gap until then has none. */
function cycleMs(cron: string): number {
  const [, hour, day, month, weekday] = cron.split(" ");
  if (day !== "*" || month !== "*") return 366 * DAY_MS;
  if (weekday !== "*") return 7 * DAY_MS;
  return hour === "*" ? HOUR_MS : DAY_MS;
}

/** What would take longer to find out is taken: it is asked for by name, and the evaluation of windows says what came of it. */
const STEPS = 200;

function neverOpens(schedule: Schedule, cron: string, first: Date, durationMs: number): boolean {
  const end = first.getTime() + cycleMs(cron);
  let begin = first;
  for (let step = 0; step < STEPS; step += 1) {
    // The last beginning within what is frozen already, or at its very end.
    const next = schedule.last(new Date(begin.getTime() + durationMs));
    if (next === undefined || next <= begin) return false;
    if (next.getTime() > end) return true;
    begin = next;
  }
  return false;
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
