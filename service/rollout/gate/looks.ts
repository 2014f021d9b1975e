import pLimit from "p-limit";
import type { RolloutHealth } from "../../../contract/rollout.ts";
import type { HealthGate } from "../../../contract/rolloutStrategy.ts";
import type { StoredRollout, StoredRolloutTarget } from "../../../registry/rolloutDrive.ts";
import { rolloutTargetLooked } from "../../../registry/rolloutTarget.ts";
import { targetFind } from "../../../registry/target.ts";
import { tenantGet } from "../../../registry/tenant.ts";
import type { ServiceContext } from "../../app/context.ts";
import { limits } from "../../config/limits.ts";
import { monotonicMs } from "../../engine/monotonic.ts";
import { whyUnwell } from "./gate.ts";

/**
 * Looks at the health gate of targets that bake: soon after their deployment, every so often, and once their bake is over. A target
 * counts as unwell when it was so several looks in a row; the count is kept here alone, so after a restart it begins anew. Where very many
 * bake, each is looked at less often: neither the cloud nor the gates are to be asked ever more while a wave grows.
 *
 * Nobody waits for a look: gates that answer late, or never, must not keep rollouts from being paused, halted and rolled back. What a
 * look finds is written down, and wakes the driver when there is anything to decide on it.
 */
export interface Looks {
  /**
   * Begins to look at those that are due; when the next one is, milliseconds since 1970. `readAtMs` is when the rollout was read, at the
   * latest, by the monotonic clock.
   */
  look(stored: StoredRollout, readAtMs: number, signal: AbortSignal): number | undefined;
  /** Until the looks under way have ended; their signals are the caller's to abort. */
  settled(): Promise<void>;
}

interface Look {
  readonly atMs: number;
  readonly unwell: number;
  /** When what it found had been written, by the monotonic clock. */
  readonly writtenAtMs?: number;
}

export function createLooks(service: ServiceContext, wake: () => void): Looks {
  const { settings, registry, log } = service;
  const looks = new Map<string, Look>();
  const underWay = new Map<string, Promise<void>>();
  /** Of those under way, the ones that the end of a bake may hang on. */
  const awaited = new Set<string>();
  const limit = pLimit(limits.gateConcurrency);

  return {
    look({ rollout, waves, targets }, readAtMs, signal) {
      const { rolloutId } = rollout;
      const baking = targets.filter(({ status }) => status === "baking");
      forgetOthers(looks, rolloutId, baking);
      const nowMs = Date.now();
      const everyMs = settings.gatePollMs * Math.max(1, baking.length / limits.gateLooksPerPoll);
      let nextAt: number | undefined;
      for (const target of baking) {
        const wave = waves[target.wave - 1];
        const key = keyOf(rolloutId, target);
        if (wave === undefined) continue;
        const bakeUntilMs = wave.bakeUntil === null ? undefined : Date.parse(wave.bakeUntil);
        if (underWay.has(key)) {
          if (bakeUntilMs !== undefined) awaited.add(key);
          continue;
        }
        const look = looks.get(key);
        // Its bake may hang on what was written after the rollout was read.
        if (bakeUntilMs !== undefined && (look?.writtenAtMs ?? 0) >= readAtMs) nextAt = nowMs;
        const apartMs = (look?.unwell ?? 0) > 0 ? settings.gatePollMs : everyMs;
        const dueMs = dueAt(look, target.health, bakeUntilMs, apartMs);
        if (dueMs > nowMs) {
          nextAt = Math.min(nextAt ?? dueMs, dueMs);
          continue;
        }
        if (bakeUntilMs !== undefined && bakeUntilMs <= nowMs) awaited.add(key);
        begin(key, rolloutId, target, wave.healthGate, signal);
      }
      return nextAt;
    },
    async settled() {
      await Promise.all(underWay.values());
    },
  };

  function begin(
    key: string,
    rolloutId: string,
    target: StoredRolloutTarget,
    gate: HealthGate,
    signal: AbortSignal,
  ): void {
    const looked = limit(async () => {
      if (signal.aborted) return;
      const why = await lookAt(target, gate, signal);
      if (signal.aborted) return;
      const unwell = why === undefined ? 0 : (looks.get(key)?.unwell ?? 0) + 1;
      looks.set(key, { atMs: Date.now(), unwell });
      if (unwell > 0) awaited.add(key);
      if (unwell === 0 || unwell >= limits.gateLooks) await keep(rolloutId, target, why);
    });
    const ended = looked
      .catch((thrown: unknown) => {
        looks.set(key, { atMs: Date.now(), unwell: looks.get(key)?.unwell ?? 0 });
        log.warn({ err: thrown, rolloutId, targetId: target.targetId }, "a health gate cannot be looked at");
      })
      .finally(() => {
        underWay.delete(key);
        const look = looks.get(key);
        if (look !== undefined) looks.set(key, { ...look, writtenAtMs: monotonicMs() });
        // Else the driver's regular wake is in time for the next look.
        const isToWake = awaited.delete(key) || settings.gatePollMs <= limits.wakeEveryMs;
        if (!signal.aborted && isToWake) wake();
      });
    underWay.set(key, ended);
  }

  async function lookAt(
    { targetId, tenantId }: StoredRolloutTarget,
    gate: HealthGate,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const target = await registry.read((db) => targetFind(db, targetId));
    if (target === undefined || target.deletedAt !== null) return "the target is gone";
    const tenant = await registry.read((db) => tenantGet(db, tenantId));
    return whyUnwell(service, target, tenant, gate, signal);
  }

  async function keep(
    rolloutId: string,
    target: StoredRolloutTarget,
    why: string | undefined,
  ): Promise<void> {
    await registry.record(async (record) => {
      const health: RolloutHealth = {
        healthy: why === undefined,
        checkedAt: record.now,
        reason: why?.slice(0, MAX_REASON_CHARS) ?? null,
      };
      await rolloutTargetLooked(record, rolloutId, target, health);
    });
  }
}

const MAX_REASON_CHARS = 1_000;

function keyOf(rolloutId: string, { targetId, operationId }: StoredRolloutTarget): string {
  return `${rolloutId} ${targetId} ${operationId ?? ""}`;
}

/** At once at first, then every so often, and again as soon as the bake is over. */
function dueAt(
  look: Look | undefined,
  health: RolloutHealth | null,
  bakeUntilMs: number | undefined,
  everyMs: number,
): number {
  const last = look?.atMs ?? (health === null ? undefined : Date.parse(health.checkedAt));
  if (last === undefined) return 0;
  const regular = last + everyMs;
  if (bakeUntilMs === undefined || (look?.unwell ?? 0) > 0) return regular;
  return last < bakeUntilMs ? Math.min(regular, bakeUntilMs) : regular;
}

function forgetOthers(
  looks: Map<string, Look>,
  rolloutId: string,
  baking: readonly StoredRolloutTarget[],
): void {
  const known = new Set(baking.map((target) => keyOf(rolloutId, target)));
  for (const key of looks.keys()) if (key.startsWith(`${rolloutId} `) && !known.has(key)) looks.delete(key);
}
