import { createHash } from "node:crypto";

/** One wave as asked for: tenants by name, or a share of all tenants of the rollout in percent. */
export type WaveRequest = { readonly tenantIds: readonly string[] } | { readonly percentage: number };

/**
 * Splits tenants into waves. A tenant joins the first wave that names it; a percentage takes that share (rounded
 * up) of all tenants from those no explicit wave names, in the order of a stable hash, so that the same fleet gives the
 * same waves and the canaries are not always the oldest customers. Whoever is left forms the last wave. Waves
 * that end up empty are dropped.
 */
export function planWaves(tenantIds: readonly string[], waves: readonly WaveRequest[]): string[][] {
  const named = new Set(waves.flatMap((wave) => ("tenantIds" in wave ? wave.tenantIds : [])));
  const all = new Set(tenantIds);
  const drawable = [...all].filter((id) => !named.has(id)).sort(byHash);
  const placed = new Set<string>();
  const take = (ids: readonly string[]) => {
    const fresh = [...new Set(ids)].filter((id) => all.has(id) && !placed.has(id));
    for (const id of fresh) placed.add(id);
    return fresh;
  };
  const planned = waves.map((wave) =>
    "tenantIds" in wave
      ? take(wave.tenantIds)
      : take(drawable.splice(0, Math.ceil((all.size * wave.percentage) / 100))),
  );
  planned.push(take(drawable));
  return planned.filter((wave) => wave.length > 0);
}

function byHash(left: string, right: string): number {
  return hashOf(left) < hashOf(right) ? -1 : 1;
}

function hashOf(tenantId: string): string {
  return createHash("sha256").update(tenantId).digest("hex");
}
