import pLimit from "p-limit";
import type { RolloutHealth } from "../../contract/rollout.ts";
import type { HealthGate } from "../../contract/rolloutStrategy.ts";
import type { StoredRollout, StoredRolloutTarget } from "../../registry/rolloutDrive.ts";
import { rolloutTargetsSet } from "../../registry/rolloutTarget.ts";
import { targetFind } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config.ts";
import { whyUnwell } from "./gate.ts";

/**
 * Looks at the health gate of targets that bake: soon after their deployment, every so often, and once their bake is over. A target
 * counts as unwell when it was so several looks in a row; the count is kept here alone, so after a restart it begins anew.
 */
export interface Looks {
  /** Looks at those that are due, and says when the next is, milliseconds since 1970. */
  look(
    stored: StoredRollout,
    signal: AbortSignal,
  ): Promise<{ readonly seen: boolean; readonly nextAt: number | undefined }>;
}

interface Look {
  readonly atMs: number;
  readonly unwell: number;
}

export function createLooks(service: ServiceContext): Looks {
  const { settings, registry } = service;
  const looks = new Map<string, Look>();
  const limit = pLimit(limits.gateConcurrency);

  return {
    async look({ rollout, waves, targets }, signal) {
      const { rolloutId } = rollout;
      const baking = targets.filter(({ status }) => status === "baking");
      forgetOthers(looks, rolloutId, baking);
      const nowMs = Date.now();
      let [seen, nextAt] = [false, undefined as number | undefined];
      const consider = (at: number) => {
        nextAt = nextAt === undefined ? at : Math.min(nextAt, at);
      };
      await Promise.all(
        baking.map((target) =>
          limit(async () => {
            const wave = waves[target.wave - 1];
            if (wave === undefined || signal.aborted) return;
            const key = keyOf(rolloutId, target);
            const bakeUntilMs = wave.bakeUntil === null ? undefined : Date.parse(wave.bakeUntil);
            const dueMs = dueAt(looks.get(key), target.health, bakeUntilMs, settings.gatePollMs);
            if (dueMs > nowMs) return consider(dueMs);
            const why = await lookAt(target, wave.healthGate, signal);
            if (signal.aborted) return;
            const unwell = why === undefined ? 0 : (looks.get(key)?.unwell ?? 0) + 1;
            const atMs = Date.now();
            looks.set(key, { atMs, unwell });
            if (unwell === 0 || unwell >= limits.gateLooks) {
              await keep(rolloutId, target.targetId, why);
              seen = true;
            }
            consider(dueAt({ atMs, unwell }, null, bakeUntilMs, settings.gatePollMs));
          }),
        ),
      );
      return { seen, nextAt };
    },
  };

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

  async function keep(rolloutId: string, targetId: string, why: string | undefined): Promise<void> {
    await registry.record(async (record) => {
      const health: RolloutHealth = {
        healthy: why === undefined,
        checkedAt: record.now,
        reason: why?.slice(0, MAX_REASON_CHARS) ?? null,
      };
      await rolloutTargetsSet(record, rolloutId, [targetId], { health });
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
