import { USAGE_WINDOWS, type UsageWindow } from "../contract/quota.ts";

/** The hours, days and months of UTC in which usage is counted. A window begins with its start and ends before the next. */

/** Of a time with milliseconds, as the registry keeps them. */
export function windowStart(at: string, window: UsageWindow): string {
  if (window === "hour") return `${at.slice(0, 13)}:00:00.000Z`;
  if (window === "day") return `${at.slice(0, 10)}T00:00:00.000Z`;
  return `${at.slice(0, 7)}-01T00:00:00.000Z`;
}

export function windowEnd(start: string, window: UsageWindow): string {
  const time = new Date(start);
  if (window === "hour") time.setUTCHours(time.getUTCHours() + 1);
  else if (window === "day") time.setUTCDate(time.getUTCDate() + 1);
  else time.setUTCMonth(time.getUTCMonth() + 1);
  return time.toISOString();
}

/** The start of the window before the one that starts then. */
export function windowBefore(start: string, window: UsageWindow): string {
  return windowStart(new Date(Date.parse(start) - 1).toISOString(), window);
}

export function windowsOf(at: string): { readonly window: UsageWindow; readonly start: string }[] {
  return USAGE_WINDOWS.map((window) => ({ window, start: windowStart(at, window) }));
}
