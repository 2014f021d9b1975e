import type { RolloutDetail } from "../../contract/rollout.ts";
import { rolloutCreateSchema } from "../../contract/rollout.ts";
import { rolloutRulesSchema, waveSettingsSchema } from "../../contract/rolloutStrategy.ts";
import type { Change, Registry } from "../../registry/registry.ts";
import { rolloutCreate } from "../../registry/rolloutCreate.ts";
import { addPlane, addRelease, addTenant, context, newTarget } from "./fixtures.ts";

export interface Begun {
  readonly rollout: RolloutDetail;
  /** In the order of the waves. */
  readonly targetIds: readonly string[];
}

/** A rollout of release 1 to one target for each number, which is the target's wave. */
export async function beginRollout(
  registry: Registry,
  waves: readonly number[],
  more: Partial<Parameters<typeof rolloutCreate>[1]> = {},
): Promise<Begun> {
  await addRelease(registry);
  const plane = await addPlane(registry);
  const targets = [];
  for (const [place, wave] of waves.entries()) {
    const tenant = await addTenant(registry, `tenant-${Math.random().toString(36).slice(2, 8)}-${place}`);
    const { targetId, tenantId, planeName } = await registry.change(context, (change) =>
      newTarget(change, tenant, plane),
    );
    targets.push({
      ...{ targetId, tenantId, planeName, wave },
      before: { releaseNumber: null, specDigest: null },
    });
  }
  const defaults = rolloutCreateSchema.parse({ change: { kind: "release", releaseNumber: 1 } });
  const facts = {
    change: defaults.change,
    scope: {},
    rules: rolloutRulesSchema.parse({}),
    waves: [...new Set(waves)].map((wave) => ({
      name: `wave ${wave}`,
      size: waves.filter((other) => other === wave).length,
      settings: waveSettingsSchema.parse(defaults),
    })),
    targets,
    ...more,
  };
  const rollout = await registry.change(context, (change) => rolloutCreate(change, facts));
  return { rollout, targetIds: targets.map(({ targetId }) => targetId) };
}

export function changeBy<T>(registry: Registry, work: (change: Change) => Promise<T>): Promise<T> {
  return registry.change(context, work);
}
