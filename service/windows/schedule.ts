import { Cron } from "croner";

/**
 * Times that recur by cron in a time zone. Five fields, minutes to days of the week, as crontab has them. A time that the spring
 * change leaves out happens at the first moment after the gap; one that the autumn change has twice happens once, the first time.
 */
export interface Schedule {
  /** The last occurrence at or before the time. */
  last(at: Date): Date | undefined;
  /** The first occurrence after it. */
  next(after: Date): Date | undefined;
}

/** Compiling costs as much as asking; the rules of a fleet are few and asked again and again. */
const KEPT = 1_000;
const compiled = new Map<string, Schedule>();

/** Throws with croner's words when the pattern or the zone is none. */
export function scheduleOf(cron: string, timeZone: string): Schedule {
  const key = `${timeZone} ${cron}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  if (compiled.size >= KEPT) compiled.clear();
  const schedule = compile(cron, timeZone);
  compiled.set(key, schedule);
  return schedule;
}

/** Between two occurrences nothing changes, and many ask about the same times: now, and when it opens. */
const KEPT_SPANS = 8;

interface Span {
  readonly last: Date | undefined;
  readonly next: Date | undefined;
}

function compile(cron: string, timeZone: string): Schedule {
  const job = new Cron(cron, {
    timezone: timeZone,
    mode: "5-part",
    fixedTimeRule: "no-wildcard",
    paused: true,
  });
  const spans: Span[] = [];
  const spanAt = (at: Date): Span => {
    const known = spans.find(({ last, next }) => (!last || last <= at) && (!next || at < next));
    if (known !== undefined) return known;
    // croner looks at whole seconds and leaves out the reference itself, so it is asked from a second later.
    const runs = job.previousRuns(2, new Date(at.getTime() + 1_000));
    const span = { last: runs.find((run) => run <= at), next: job.nextRun(at) ?? undefined };
    spans.unshift(span);
    spans.length = Math.min(spans.length, KEPT_SPANS);
    return span;
  };
  return { last: (at) => spanAt(at).last, next: (after) => spanAt(after).next };
}
