import type { Selectable } from "kysely";
import type { RolloutCounts, RolloutWave } from "../contract/rollout.ts";
import type { RolloutWaveStatus } from "../contract/vocabulary.ts";
import { fromJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import { rolloutUpdate } from "./rollout.ts";
import { noCounts } from "./rolloutTarget.ts";
import type { RolloutWaveTable } from "./schema.ts";

/** In order, each with what became of its targets. */
export async function rolloutWaves(
  db: Reader,
  rolloutId: string,
  counts: ReadonlyMap<number, RolloutCounts> = new Map(),
): Promise<RolloutWave[]> {
  const rows = await db
    .selectFrom("rolloutWaves")
    .selectAll()
    .where("rolloutId", "=", rolloutId)
    .orderBy("wave")
    .execute();
  return rows.map(({ rolloutId: _rolloutId, settings, ...row }) => ({
    ...row,
    ...fromJson(settings),
    status: statusOf(row),
    counts: counts.get(row.wave) ?? noCounts(),
  }));
}

type Times = Pick<Selectable<RolloutWaveTable>, "approvalAskedAt" | "startedAt" | "bakeUntil" | "endedAt">;

function statusOf({ approvalAskedAt, startedAt, bakeUntil, endedAt }: Times): RolloutWaveStatus {
  if (endedAt !== null) return "ended";
  if (bakeUntil !== null) return "baking";
  if (startedAt !== null) return "running";
  return approvalAskedAt === null ? "pending" : "awaiting_approval";
}

/** Audits `rollout.approval_asked`. */
export async function rolloutWaveAwaitApproval(
  change: Change,
  rolloutId: string,
  wave: number,
): Promise<void> {
  await setWave(change, rolloutId, wave, { approvalAskedAt: change.now });
  await rolloutUpdate(change, rolloutId, {}, { action: "rollout.approval_asked", details: { wave } });
}

/** Waves that have not begun are to be approved again: what was approved is no longer what they bring. */
export async function rolloutApprovalsForget({ db }: Change, rolloutId: string): Promise<void> {
  await db
    .updateTable("rolloutWaves")
    .set({ approvalAskedAt: null, approvedBy: null, approvedAt: null })
    .where("rolloutId", "=", rolloutId)
    .where("startedAt", "is", null)
    .execute();
}

/** Audits `rollout.wave_started`. */
export async function rolloutWaveStart(change: Change, rolloutId: string, wave: number): Promise<void> {
  await setWave(change, rolloutId, wave, { startedAt: change.now });
  const event = { action: "rollout.wave_started", details: { wave } };
  await rolloutUpdate(change, rolloutId, { currentWave: wave }, event);
}

/** Audits `rollout.wave_baking`. */
export async function rolloutWaveBake(
  change: Change,
  rolloutId: string,
  wave: number,
  bakeUntil: string,
): Promise<void> {
  await setWave(change, rolloutId, wave, { bakeUntil });
  await rolloutUpdate(change, rolloutId, {}, { action: "rollout.wave_baking", details: { wave, bakeUntil } });
}

/** Audits `rollout.wave_ended`. */
export async function rolloutWaveEnd(change: Change, rolloutId: string, wave: number): Promise<void> {
  await setWave(change, rolloutId, wave, { endedAt: change.now });
  await rolloutUpdate(change, rolloutId, {}, { action: "rollout.wave_ended", details: { wave } });
}

export async function setWave(
  change: Change,
  rolloutId: string,
  wave: number | readonly number[],
  patch: Partial<Omit<Selectable<RolloutWaveTable>, "rolloutId" | "wave" | "settings">>,
): Promise<void> {
  const waves = typeof wave === "number" ? [wave] : [...wave];
  if (waves.length === 0) return;
  await change.db
    .updateTable("rolloutWaves")
    .set(patch)
    .where("rolloutId", "=", rolloutId)
    .where("wave", "in", waves)
    .execute();
}
