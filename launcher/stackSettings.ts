import { isDeepStrictEqual } from "node:util";

/** What a Pulumi.<stack>.yaml holds, as far as this program must know. */
export interface StackSettings {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/**
 * The settings to run with: the committed ones, and over them what was changed locally since they were last taken over
 * (`config set`, the encryption salt of a first run). `base` is what was committed then; a key that local has as it
 * was in base follows the committed file from now on.
 */
export function mergeStackSettings(
  committed: StackSettings,
  base: StackSettings,
  local: StackSettings,
): StackSettings {
  const { config: committedConfig = {}, ...committedRest } = committed;
  const { config: baseConfig = {}, ...baseRest } = base;
  const { config: localConfig = {}, ...localRest } = local;
  const config = mergeKeys(committedConfig, baseConfig, localConfig);
  return {
    ...mergeKeys(committedRest, baseRest, localRest),
    ...(Object.keys(config).length === 0 ? {} : { config }),
  };
}

type Keys = Readonly<Record<string, unknown>>;

function mergeKeys(committed: Keys, base: Keys, local: Keys): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...committed };
  for (const key of new Set([...Object.keys(base), ...Object.keys(local)])) {
    if (isDeepStrictEqual(local[key], base[key])) continue;
    if (key in local) merged[key] = local[key];
    else delete merged[key];
  }
  return merged;
}
