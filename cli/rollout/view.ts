import type { RolloutDetail, RolloutPreviewGroup, RolloutWave } from "../../contract/rollout.ts";
import { harmless, type Io, paint } from "../io.ts";
import { bar } from "../show/live.ts";
import { type Column, tableText } from "../show/table.ts";
import { durationText } from "../show/time.ts";
import { changeText, toneOf } from "../show/views.ts";

type Screen = Pick<Io, "columns" | "colour">;

/** A rollout on one screen: what and how it stands, then a line a wave. */
export function rolloutText(io: Screen, rollout: RolloutDetail): string {
  return `${[...rolloutHead(io, rollout), ""].join("\n")}${waveTable(io, rollout.waves)}`;
}

export function rolloutHead(io: Screen, rollout: RolloutDetail): string[] {
  const { rolloutId, change, status, statusReason, stuckReason, currentWave, waveCount, allowedActions } =
    rollout;
  return [
    `rollout ${rolloutId}: ${harmless(changeText(change))}`,
    `${paint(io, toneOf(status), status)}, wave ${currentWave} of ${waveCount}${statusReason === null ? "" : `: ${harmless(statusReason)}`}`,
    ...(stuckReason === null ? [] : [paint(io, "bad", `stuck: ${harmless(stuckReason)}`)]),
    ...(allowedActions.length === 0
      ? []
      : [paint(io, "faint", `possible now: ${allowedActions.join(", ")}`)]),
  ];
}

const waveColumns: readonly Column<RolloutWave>[] = [
  { title: "wave", value: ({ wave }) => wave, alignRight: true },
  { title: "name", value: ({ name }) => name },
  { title: "status", value: ({ status }) => status, tone: ({ status }) => toneOf(status) },
  { title: "targets", value: ({ size }) => size, alignRight: true },
  { title: "at once", value: ({ maxConcurrency }) => maxConcurrency },
  { title: "tolerates", value: ({ failureTolerance }) => failureTolerance },
  { title: "bake", value: ({ bakeMs }) => (bakeMs === 0 ? "-" : durationText(bakeMs)) },
  { title: "so far", value: ({ counts }) => countsText(counts) },
];

export function waveTable(io: Screen, waves: readonly RolloutWave[]): string {
  return tableText(io, waveColumns, waves);
}

/** `12 succeeded, 1 failed`: those that are not none. */
export function countsText(counts: RolloutDetail["counts"]): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${count} ${status.replace("_", " ")}`)
    .join(", ");
}

/** For the live view: a bar a wave. */
export function waveBars(io: Screen, { waves }: RolloutDetail): string[] {
  return waves.map(({ wave, name, size, counts, status }) => {
    const { succeeded, unchanged, failed, skipped, held, rolled_back: back } = counts;
    const done = succeeded + unchanged + failed + skipped + held + back;
    const title = `wave ${wave}${name === null ? "" : ` ${name}`}`.padEnd(16);
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    return (
      harmless(`${title} `) +
      `${bar(io, done, failed + back, Math.max(size, all))} ${status.replace("_", " ")}`
    );
  });
}

/** One group of a preview: who, and what would change for each of them alike. */
export function groupText(
  io: Screen,
  group: RolloutPreviewGroup,
  slugs: ReadonlyMap<string, string>,
): string {
  const { changes, targetCount, tenantCount, targets, replaces, deletes, operations } = group;
  const who = targets.map(({ tenantId }) => slugs.get(tenantId) ?? tenantId);
  const more = targetCount > targets.length ? ` and ${targetCount - targets.length} more` : "";
  const danger = [
    ...(replaces > 0 ? [`${replaces} replaced`] : []),
    ...(deletes > 0 ? [`${deletes} deleted`] : []),
  ];
  const summary = Object.entries(operations)
    .filter(([op]) => op !== "same")
    .map(([op, count]) => `${count} ${op}`);
  const what = changes.length === 0 ? "nothing would change" : summary.join(", ");
  const head = `${tenantCount} ${tenantCount === 1 ? "tenant" : "tenants"} (${[...new Set(who)].join(", ")}${more}): ${what}`;
  const lines = changes.flatMap((change) => changeLines(io, change));
  const warned = danger.length === 0 ? "" : paint(io, "bad", `  ${danger.join(", ")}!`);
  return [`  ${harmless(head)}${warned}`, ...lines].join("\n");
}

/** More values than these are counted: `preview` has them all. */
const VALUES_SHOWN = 10;

function changeLines(io: Screen, change: RolloutPreviewGroup["changes"][number]): string[] {
  const { op, resourceType, logicalName, properties, replaceProperties, values } = change;
  const because = replaceProperties.length > 0 ? `, replaced because of ${replaceProperties.join(", ")}` : "";
  const text = `    ${op} ${resourceType} "${logicalName}" ${properties.join(", ")}${because}`;
  const line = paint(io, /replace|delete/.test(op) ? "bad" : undefined, harmless(text).trimEnd());
  const shown = op === "create" ? [] : values.slice(0, VALUES_SHOWN);
  const rest = op === "create" ? 0 : values.length - shown.length;
  return [
    line,
    ...shown.map(({ path, old, new: now }) =>
      paint(io, "faint", harmless(`      ${path}: ${old ?? "(none)"} → ${now ?? "(none)"}`)),
    ),
    ...(rest > 0 ? [paint(io, "faint", `      and ${rest} more`)] : []),
  ];
}
