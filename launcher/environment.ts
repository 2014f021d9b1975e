import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Cloud } from "./dataFolder.ts";

export interface EnvironmentOptions {
  readonly dataDir: string;
  readonly cloud: Cloud;
  /** The caller's own variables; process.env when absent. */
  readonly inherited?: NodeJS.ProcessEnv;
}

/**
 * The variables every Pulumi process of this installation runs with, whether a person started it or the service.
 *
 * With the local cloud the state, its passphrase and Pulumi's home belong to the data folder, and the caller's own
 * PULUMI_BACKEND_URL and passphrase are left out of it: a shell set up for real work must not get the local cloud's
 * stacks into its state. TENANTRY_STATE_URL moves the state deliberately. On AWS the caller's settings come first, and the
 * default state is another folder than the local cloud's, so that no stack is ever driven against the wrong one.
 */
export function pulumiEnvironment(options: EnvironmentOptions): Record<string, string> {
  const inherited = options.inherited ?? process.env;
  return options.cloud === "local"
    ? localEnvironment(options.dataDir, inherited)
    : awsEnvironment(options.dataDir, inherited);
}

function localEnvironment(dataDir: string, inherited: NodeJS.ProcessEnv): Record<string, string> {
  return {
    PULUMI_BACKEND_URL: inherited.TENANTRY_STATE_URL || stateFolder(join(dataDir, "state")),
    PULUMI_CONFIG_PASSPHRASE: passphrase(dataDir),
    PULUMI_HOME: folder(join(dataDir, "pulumi-home")),
    // Providers are attached, never fetched: looking for them costs 2-3 s per run where there is no network.
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "1",
    PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL: "true",
    ...tuning(inherited),
  };
}

function awsEnvironment(dataDir: string, inherited: NodeJS.ProcessEnv): Record<string, string> {
  return {
    PULUMI_BACKEND_URL:
      inherited.TENANTRY_STATE_URL ||
      inherited.PULUMI_BACKEND_URL ||
      stateFolder(join(dataDir, "aws", "state")),
    ...secretsOf(dataDir, inherited),
    ...tuning(inherited),
  };
}

/** A key that all replicas may use (`awskms://…`), the caller's own passphrase, or one that this data folder keeps. */
function secretsOf(dataDir: string, inherited: NodeJS.ProcessEnv): Record<string, string> {
  const provider = inherited.TENANTRY_SECRETS_PROVIDER;
  if (provider) return { TENANTRY_SECRETS_PROVIDER: provider };
  const given = inherited.PULUMI_CONFIG_PASSPHRASE ?? inherited.PULUMI_CONFIG_PASSPHRASE_FILE;
  return given === undefined ? { PULUMI_CONFIG_PASSPHRASE: passphrase(dataDir) } : {};
}

/** Measured: each of these shortens a run or keeps one from slowing the next. The caller's own values stand. */
function tuning(inherited: NodeJS.ProcessEnv): Record<string, string> {
  const values: Record<string, string> = {
    PULUMI_SKIP_UPDATE_CHECK: "1",
    PULUMI_DIY_BACKEND_NO_LEGACY_WARNING: "1",
    // The CLI lives seconds: collecting garbage less often costs memory nobody misses.
    GOGC: "400",
    // The default is 4 per core and process; many stacks are in flight at once.
    PULUMI_PARALLEL: "16",
    // Each run looks at every old log: 190 ms at 20,000 files.
    PULUMI_LOG_ROTATION_MAX_AGE_DAYS: "1",
    PULUMI_LOG_ROTATION_MAX_TOTAL_MB: "16",
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, inherited[name] ?? value]));
}

function stateFolder(path: string): string {
  return pathToFileURL(folder(path)).href;
}

function folder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

/** Made once, readable by its owner only. A hard link publishes it whole, so two first runs agree on one. */
function passphrase(dataDir: string): string {
  const file = join(folder(dataDir), "passphrase");
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, `${randomBytes(24).toString("base64url")}\n`, { mode: 0o600 });
    chmodSync(draft, 0o600);
    try {
      linkSync(draft, file);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    } finally {
      rmSync(draft, { force: true });
    }
  }
  return readFileSync(file, "utf8").trim();
}
