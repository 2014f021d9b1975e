import type { WindowRule } from "../../contract/window.ts";
import { scheduleOf } from "./schedule.ts";

/**
 * May a change start now? A pure function of the rules that hold for a target and of the time.
 *
 * It promises: a freeze wins over every window. A tenant or plane with windows lets changes start in one of them only, and where
 * both have windows, in one of each; who has none is always open. Rules gate starts: what has started
 * is left to end. When it is closed, it says until when and why; a way out that does not come within a year is none.
 */
export type WindowAnswer = { readonly open: true } | WindowClosed;

export interface WindowClosed {
  readonly open: false;
  /** Null when nothing within a year opens it. */
  readonly opensAt: Date | null;
  readonly why: string;
}

/** The same for the answer of a request. */
export function windowAnswerOf(answer: WindowAnswer): {
  open: boolean;
  opensAt: string | null;
  why: string | null;
} {
  if (answer.open) return { open: true, opensAt: null, why: null };
  return { open: false, opensAt: answer.opensAt?.toISOString() ?? null, why: answer.why };
}

const LOOK_AHEAD_MS = 366 * 86_400_000;
/** Of rules that follow on each other; more are taken for a way that never opens. */
const LOOK_AHEAD_STEPS = 800;

export function windowAt(rules: readonly WindowRule[], now: Date): WindowAnswer {
  const first = blockersAt(rules, now);
  if (first.length === 0) return { open: true };
  const why = first.map((blocker) => blocker.why).join("; ");
  const end = now.getTime() + LOOK_AHEAD_MS;
  let blockers = first;
  for (let step = 0; step < LOOK_AHEAD_STEPS; step += 1) {
    // All must clear and none can before its own time, so nothing opens earlier than the latest of them.
    const clears = blockers.map((blocker) => blocker.clearsAt?.getTime() ?? Number.POSITIVE_INFINITY);
    const at = Math.max(...clears);
    if (at > end) break;
    const opensAt = new Date(at);
    blockers = blockersAt(rules, opensAt);
    if (blockers.length === 0) return { open: false, opensAt, why };
  }
  return { open: false, opensAt: null, why };
}

interface Blocker {
  readonly why: string;
  readonly clearsAt: Date | undefined;
}

function blockersAt(rules: readonly WindowRule[], now: Date): Blocker[] {
  const freezes = rules.filter((rule) => rule.effect === "deny").flatMap((rule) => freezeAt(rule, now));
  const scopes = new Map<string, WindowRule[]>();
  for (const rule of rules.filter(({ effect }) => effect === "allow")) {
    const scope = scopeOf(rule);
    scopes.set(scope, [...(scopes.get(scope) ?? []), rule]);
  }
  return [...freezes, ...[...scopes].flatMap(([scope, windows]) => closedAt(scope, windows, now))];
}

function freezeAt(rule: WindowRule, now: Date): Blocker[] {
  const until = coveredUntil(rule, now);
  if (until === undefined) return [];
  return [{ why: `freeze of ${scopeOf(rule)}: ${rule.reason}`, clearsAt: until }];
}

function closedAt(scope: string, windows: readonly WindowRule[], now: Date): Blocker[] {
  if (windows.some((window) => coveredUntil(window, now) !== undefined)) return [];
  const starts = windows.flatMap((window) => nextStart(window, now) ?? []);
  const clearsAt = starts.sort((one, other) => one.getTime() - other.getTime())[0];
  return [{ why: `outside the windows of ${scope} (${windows.map(describe).join(", ")})`, clearsAt }];
}

/** The end of the occurrence that the time falls into; its start belongs to it, its end does not. */
function coveredUntil(rule: WindowRule, now: Date): Date | undefined {
  if (rule.cron === null) {
    const from = rule.fromAt === null ? Number.NEGATIVE_INFINITY : Date.parse(rule.fromAt);
    const until = rule.untilAt === null ? Number.POSITIVE_INFINITY : Date.parse(rule.untilAt);
    const isIn = from <= now.getTime() && now.getTime() < until;
    return isIn ? new Date(Math.min(until, LATEST_MS)) : undefined;
  }
  const start = scheduleOf(rule.cron, rule.timeZone ?? "UTC").last(now);
  if (start === undefined) return undefined;
  const end = new Date(start.getTime() + (rule.durationMs ?? 0));
  return now < end ? end : undefined;
}

/** The last time a Date can hold. */
const LATEST_MS = 8_640_000_000_000_000;

function nextStart(rule: WindowRule, now: Date): Date | undefined {
  if (rule.cron !== null) return scheduleOf(rule.cron, rule.timeZone ?? "UTC").next(now);
  const from = rule.fromAt === null ? undefined : new Date(rule.fromAt);
  return from !== undefined && from > now ? from : undefined;
}

function scopeOf(rule: WindowRule): string {
  return rule.tenantId === null ? `plane ${rule.planeName ?? ""}` : "the tenant";
}

function describe({ cron, durationMs, timeZone, fromAt, untilAt }: WindowRule): string {
  if (cron === null) return `${fromAt ?? "ever"} to ${untilAt ?? "ever"}`;
  return `${cron} ${timeZone ?? "UTC"} for ${Math.round((durationMs ?? 0) / 60_000)} min`;
}
