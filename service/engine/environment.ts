/** The environment of the CLI and, through it, of the providers. */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/**
 * What makes the CLI quick and quiet when a program drives it; whoever sets one of these differently wins.
 *
 * FALLBACK_TO_STATE: the salt of a stack's secrets is taken from its state, so that no Pulumi.<stack>.yaml has to be
 * kept: the state and the passphrase are enough on any replica. Without DISABLE_AUTOMATIC_PLUGIN_ACQUISITION every
 * run loses 2 to 3 s when offline. GOGC=400 trades some 30 MB for a tenth of the CPU.
 */
function defaults(): Record<string, string> {
  return {
    PULUMI_SKIP_UPDATE_CHECK: "1",
    PULUMI_DIY_BACKEND_NO_LEGACY_WARNING: "1",
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
    PULUMI_PARALLEL: String(Math.max(8, availableParallelism() * 4)),
    GOGC: "400",
  };
}

/** Attached providers need no plugin; looking for one would only cost time and, offline, fail. */
const ATTACHED = {
  PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "1",
  PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL: "true",
} as const;

/** The service's own settings and its tools' are nobody else's business. */
const PRIVATE = /^(TENANTRY_|npm_|NODE_|VITEST|VITE_)/;

/** Limits on the CLI's own logs: it looks at every old one at each start. */
const LOG_LIMITS = { PULUMI_LOG_ROTATION_MAX_AGE_DAYS: "1", PULUMI_LOG_ROTATION_MAX_TOTAL_MB: "50" } as const;

export function cliEnvironment(
  inherited: Readonly<Record<string, string | undefined>>,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept = Object.entries(inherited).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !PRIVATE.test(entry[0]),
  );
  const attached = given.PULUMI_DEBUG_PROVIDERS ? ATTACHED : {};
  return { ...defaults(), ...LOG_LIMITS, ...attached, ...Object.fromEntries(kept), ...given };
}

/**
 * A PULUMI_HOME in which the CLI cannot keep its own log: a file is where its log folder would be.
 *
 * The CLI writes every property it sees to a compressed debug log, in the clear until it has the stack's key, and has
 * no switch for it; that is an eighth of a run's CPU and a place for secrets to be. Only with attached
 * providers and a state folder: plugins and credentials of other installations live in the home they were given.
 */
export async function withoutCliLog(
  env: Readonly<Record<string, string>>,
  home: string,
): Promise<Readonly<Record<string, string>>> {
  if (!env.PULUMI_DEBUG_PROVIDERS || !env.PULUMI_BACKEND_URL?.startsWith("file://")) return env;
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, "logs"), "", { flag: "a", mode: 0o600 });
  return { ...env, PULUMI_HOME: home };
}
