import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { EXIT, Failure, usageFailure } from "../exit.ts";

/**
 * Where the service is and which key opens it. TENANTRY_URL and TENANTRY_API_KEY win; else a profile of the configuration file,
 * which only its owner may read. A key may come from a command, such as a password manager's, and is then never written down.
 * A profile's key is sent to that profile's address and to no other.
 */
export interface Profile {
  readonly url: string;
  readonly apiKey?: string;
  readonly apiKeyCommand?: string;
}

export interface ProfileFile {
  readonly current: string | null;
  readonly profiles: Readonly<Record<string, Profile>>;
}

export interface Access {
  readonly url: URL;
  /** Asked for when a request needs it: a command for the key may want a person's finger. */
  readonly key: () => string;
}

type Env = Readonly<Record<string, string | undefined>>;
const DEFAULT_URL = "http://127.0.0.1:7070";
const KEY_COMMAND_TIMEOUT_MS = 60_000;
const OWNER_ONLY = 0o600;
const NAME = /^[a-z0-9][a-z0-9._-]{0,39}$/i;

export function profileFilePath(env: Env): string {
  const config = env.XDG_CONFIG_HOME;
  const folder = config?.startsWith("/") ? config : join(env.HOME ?? homedir(), ".config");
  return join(folder, "tenantry", "config.json");
}

export function readProfiles(env: Env): ProfileFile {
  const path = profileFilePath(env);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return { current: null, profiles: {} };
    throw new Failure(EXIT.failed, `Cannot read the profiles: ${(cause as Error).message}.`, { cause });
  }
  try {
    const { current = null, profiles = {} } = JSON.parse(text) as Partial<ProfileFile>;
    return { current, profiles };
  } catch (cause) {
    throw new Failure(EXIT.failed, `Cannot read the profiles: ${path} must be JSON. Correct or delete it.`, {
      cause,
    });
  }
}

/** Written beside and renamed, so that a reader never meets half of it. */
export function writeProfiles(env: Env, file: ProfileFile): void {
  const path = profileFilePath(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const scratch = `${path}.${process.pid}`;
  writeFileSync(scratch, `${JSON.stringify(file, null, 2)}\n`, { mode: OWNER_ONLY });
  chmodSync(scratch, OWNER_ONLY);
  renameSync(scratch, path);
}

/** A sentence when others may read a file that holds a key; undefined when all is well. */
export function exposure(env: Env): string | undefined {
  const path = profileFilePath(env);
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined || process.platform === "win32" || (entry.mode & 0o077) === 0) return undefined;
  const holdsKey = Object.values(readProfiles(env).profiles).some(({ apiKey }) => apiKey !== undefined);
  return holdsKey ? `${path} holds keys and others may read it. Run: chmod 600 ${path}` : undefined;
}

export function checkedName(name: string): string {
  if (NAME.test(name)) return name;
  throw usageFailure(
    `Cannot use "${name}": a profile's name must be 1 to 40 letters, digits, dots or hyphens.`,
  );
}

export function checkedUrl(text: string, from: string): URL {
  const url = /^https?:\/\/[^/]/.test(text) ? URL.parse(text) : null;
  if (url !== null && url.username === "") return url;
  throw usageFailure(
    `Cannot ask the service: ${from} must be a URL such as ${DEFAULT_URL}, and is "${text}".`,
  );
}

export function access(env: Env, named: string | undefined): Access {
  const file = readProfiles(env);
  const name = named ?? (env.TENANTRY_PROFILE || undefined) ?? file.current ?? undefined;
  const profile = name === undefined ? undefined : file.profiles[name];
  if (name !== undefined && profile === undefined) throw unknownProfile(name, file);
  const { TENANTRY_URL: url, TENANTRY_API_KEY: key } = env;
  const address = url
    ? checkedUrl(url, "TENANTRY_URL")
    : checkedUrl(profile?.url ?? DEFAULT_URL, `the profile ${name ?? ""}`);
  return { url: address, key: () => key || keyOf(name, profile, address) };
}

function keyOf(name: string | undefined, profile: Profile | undefined, address: URL): string {
  if (profile === undefined) {
    const message =
      "Cannot ask the service: TENANTRY_API_KEY must hold an API key, and is not set. `tenantry profile set` keeps one.";
    throw new Failure(EXIT.denied, message);
  }
  if (new URL(profile.url).origin !== address.origin) {
    const message =
      `Cannot ask the service: TENANTRY_URL is ${address.origin}, and the key of the profile ${name} is for ${profile.url}. ` +
      "Set TENANTRY_API_KEY too.";
    throw new Failure(EXIT.denied, message);
  }
  if (profile.apiKey !== undefined) return profile.apiKey;
  if (profile.apiKeyCommand !== undefined) return keyFromCommand(profile.apiKeyCommand);
  const message = `Cannot ask the service: the profile ${name} has no key. Set TENANTRY_API_KEY, or give it one with \`tenantry profile set\`.`;
  throw new Failure(EXIT.denied, message);
}

function keyFromCommand(command: string): string {
  try {
    const [shell, flag] = process.platform === "win32" ? ["cmd.exe", "/c"] : ["/bin/sh", "-c"];
    const stdio: ("inherit" | "pipe")[] = ["inherit", "pipe", "inherit"];
    const text = execFileSync(shell, [flag, command], {
      stdio,
      timeout: KEY_COMMAND_TIMEOUT_MS,
      encoding: "utf8",
    });
    const key = text.trim();
    if (key !== "") return key;
  } catch (cause) {
    throw new Failure(EXIT.denied, `Cannot get the key: the profile's command \`${command}\` failed.`, {
      cause,
    });
  }
  throw new Failure(EXIT.denied, `Cannot get the key: the profile's command \`${command}\` printed nothing.`);
}

export function unknownProfile(name: string, { profiles }: ProfileFile): Failure {
  const known = Object.keys(profiles);
  const there = known.length === 0 ? "there is none yet" : `there are ${known.join(", ")}`;
  return usageFailure(`Cannot use the profile ${name}: ${there}. \`tenantry profile set ${name}\` makes it.`);
}
