import { createHash } from "node:crypto";
import { inCohort } from "../../../contract/cohortMatch.ts";
import { ProblemError } from "../../../contract/errors.ts";
import {
  DEFAULT_WAVES,
  type Wave,
  type WaveSettings,
  waveSettingsSchema,
} from "../../../contract/rolloutStrategy.ts";
import { type Candidate, refuseUnknown } from "./cohort.ts";

export interface PlannedWave {
  readonly name: string | null;
  /** Its own, and the rollout's where it says nothing. */
  readonly settings: WaveSettings;
  readonly targets: readonly Candidate[];
  /** Those of its targets that can be changed: what percentages are of. */
  readonly size: number;
}

/**
 * Splits targets into waves. A target joins the first wave whose cohort names it; a percentage and a count draw whole tenants from
 * those that no cohort names, in the order of a stable hash, so that the same fleet gives the same waves and the canaries are not always
 * the oldest customers. Whoever is left forms the last wave. A share that comes out empty is dropped: a fleet of three has no tenth.
 * Targets that cannot be changed are drawn for nothing; they go with the wave that names them, or with the last.
 */
export function planWaves(
  targets: readonly Candidate[],
  waves: readonly Wave[] = DEFAULT_WAVES,
  defaults: WaveSettings,
): PlannedWave[] {
  const naming = waves.filter(names);
  const named = new Set(targets.filter((target) => naming.some((wave) => inWave(target, wave))));
  const placed = new Set<Candidate>();
  const order = hashOrder(targets);
  const planned = waves.map((wave, index) => {
    refuseNobody(targets, wave, index);
    const free = targets.filter((target) => !placed.has(target) && inWave(target, wave));
    const taken = names(wave) ? free : draw(targets, free.filter(isAble(named)), wave, order);
    for (const target of taken) placed.add(target);
    return { wave, taken };
  });
  const rest = targets.filter((target) => !placed.has(target));
  return withRest(planned, rest, defaults).filter((wave) => wave.targets.length > 0);
}

/** An empty cohort names nobody in particular: it takes whoever is left. */
function names({ cohort, percentage, count }: Wave): boolean {
  const isDrawn = percentage !== undefined || count !== undefined;
  return !isDrawn && cohort !== undefined && Object.keys(cohort).length > 0;
}

function inWave(target: Candidate, { cohort }: Wave): boolean {
  return cohort === undefined || inCohort(target, cohort);
}

const isAble = (named: ReadonlySet<Candidate>) => (target: Candidate) =>
  target.skip === undefined && !named.has(target);

/** Of the free targets, those of as many tenants as the wave asks for; all when it says nothing. */
function draw(
  targets: readonly Candidate[],
  free: readonly Candidate[],
  wave: Wave,
  order: ReadonlyMap<string, number>,
): readonly Candidate[] {
  const { percentage, count } = wave;
  if (percentage === undefined && count === undefined) return free;
  const all = tenantsOf(targets.filter((target) => target.skip === undefined && inWave(target, wave)));
  const wanted = count ?? Math.ceil((all.length * (percentage ?? 0)) / 100);
  const placeOf = (tenantId: string) => order.get(tenantId) ?? 0;
  const drawn = new Set(
    tenantsOf(free)
      .sort((left, right) => placeOf(left) - placeOf(right))
      .slice(0, wanted),
  );
  return free.filter(({ tenantId }) => drawn.has(tenantId));
}

function tenantsOf(targets: readonly Candidate[]): string[] {
  return [...new Set(targets.map(({ tenantId }) => tenantId))];
}

/** Tenants by SHA-256 of their id: evenly spread, and always the same. */
function hashOrder(targets: readonly Candidate[]): Map<string, number> {
  const hashed = tenantsOf(targets).map((tenantId) => ({
    tenantId,
    hash: createHash("sha256").update(tenantId).digest("hex"),
  }));
  hashed.sort((left, right) => (left.hash < right.hash ? -1 : 1));
  return new Map(hashed.map(({ tenantId }, place) => [tenantId, place]));
}

interface Taken {
  readonly wave: Wave;
  readonly taken: readonly Candidate[];
}

/** The rest is a wave of its own, or, when nobody of it can be changed, goes with the last that there is. */
function withRest(
  planned: readonly Taken[],
  rest: readonly Candidate[],
  defaults: WaveSettings,
): PlannedWave[] {
  const last = planned.findLastIndex(({ taken }) => taken.length > 0);
  const joins = last !== -1 && rest.every(({ skip }) => skip !== undefined);
  const waves = planned.map(({ wave, taken }, index) =>
    toWave(wave, joins && index === last ? [...taken, ...rest] : taken, defaults),
  );
  return joins ? waves : [...waves, toWave({ name: planned.length === 0 ? "all" : "rest" }, rest, defaults)];
}

function toWave(wave: Wave, targets: readonly Candidate[], defaults: WaveSettings): PlannedWave {
  const { name = null, cohort: _cohort, percentage: _percentage, count: _count, ...own } = wave;
  const size = targets.filter(({ skip }) => skip === undefined).length;
  return { name, settings: waveSettingsSchema.parse({ ...defaults, ...own }), targets, size };
}

/** A wave whose cohort fits nobody is a mistake in the cohort; one whose targets are all taken is not. */
function refuseNobody(targets: readonly Candidate[], wave: Wave, index: number): void {
  if (wave.cohort === undefined) return;
  const path = `body.waves.${index}.cohort`;
  refuseUnknown(targets, wave.cohort, path);
  if (targets.some((target) => inWave(target, wave))) return;
  throw new ProblemError("cohort_empty", {
    detail: `Cannot roll out: wave ${index + 1} must select at least one target of the rollout, got none.`,
    hint: "Look at its labels and names, or leave the wave out.",
    errors: [{ path, message: "selects nobody" }],
  });
}
