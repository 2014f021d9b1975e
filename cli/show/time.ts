import { usageFailure } from "../exit.ts";

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** How long ago, in its one largest unit: `3d`, `12s`. */
export function ageText(at: string | null, now: number): string {
  if (at === null) return "-";
  return durationText(now - Date.parse(at));
}

export function durationText(ms: number): string {
  const [unit, size] = UNITS.find(([, one]) => ms >= one) ?? UNITS[3];
  return `${Math.max(0, Math.floor(ms / size))}${unit}`;
}

/** `90s`, `15m`, `1h30m`, `2d`; a bare number is seconds. */
export function durationMs(text: string, option: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  if (!/^(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?$/.test(text) || text === "")
    throw usageFailure(
      `Cannot read --${option}: it must be a duration such as 90s, 15m or 1h30m, got "${text}".`,
    );
  return UNITS.reduce((sum, [unit, size]) => {
    const [, count = "0"] = new RegExp(`(\\d+)${unit}`).exec(text) ?? [];
    return sum + Number(count) * size;
  }, 0);
}
