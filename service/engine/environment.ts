/** The environment of the CLI and, through it, of the providers. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The salt of a stack's secrets is taken from its state, so that no Pulumi.<stack>.yaml has to be kept: the state and the
 * passphrase are enough on any replica. Everything else about the CLI's environment is launcher/environment.ts's.
 */
const STATE_IS_ENOUGH = { PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true" } as const;

/**
 * A folder of states without the small files that the CLI writes beside each (what they say is in none of our uses): they
 * are not written whole, and a CLI killed in the middle leaves a state that no CLI reads any more ("EOF").
 */
export function withoutSidecars(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const url = env.PULUMI_BACKEND_URL ?? "";
  if (!url.startsWith("file://") || url.includes("?")) return env;
  return { ...env, PULUMI_BACKEND_URL: `${url}?metadata=skip` };
}

/** The service's own settings and its tools' are nobody else's business. */
const PRIVATE = /^(TENANTRY_|npm_|NODE_|VITEST|VITE_)/;

export function cliEnvironment(
  inherited: Readonly<Record<string, string | undefined>>,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept = Object.entries(inherited).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !PRIVATE.test(entry[0]),
  );
  return { ...STATE_IS_ENOUGH, ...Object.fromEntries(kept), ...given };
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
