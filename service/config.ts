import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { issueText } from "../contract/issueText.ts";
import { redactText } from "../registry/redact.ts";
import { cloudSettings } from "./config/cloud.ts";
import { fleetSettings } from "./config/fleet.ts";
import { governanceSettings } from "./config/governance.ts";
import { observabilitySettings } from "./config/observability.ts";
import { operationsSettings } from "./config/operations.ts";
import { retentionSettings } from "./config/retention.ts";
import { serviceSettings } from "./config/service.ts";
import { SettingsError } from "./config/settingsError.ts";
import { tenantsSettings } from "./config/tenants.ts";
import { refuseTogether } from "./config/together.ts";

/**
 * The settings of one control service, read once at start from flags and TENANTRY_* variables; a flag wins over
 * its variable. Nothing else in service/ reads the environment, so what a service does is told by this object.
 *
 * Each setting stands once, in the file of its subject in config/: its name, which makes its flag and its variable; what `--help`
 * says; what it must be. Bounds that have no flag are in config/limits.ts.
 */
const all = {
  ...serviceSettings,
  ...operationsSettings,
  ...fleetSettings,
  ...tenantsSettings,
  ...governanceSettings,
  ...retentionSettings,
  ...observabilitySettings,
  ...cloudSettings,
};

type All = typeof all;
type SettingName = keyof All;

const names = Object.keys(all) as SettingName[];
const schemas = Object.fromEntries(names.map((name) => [name, all[name].schema]));
const settingsSchema = z.strictObject(schemas as { [Name in SettingName]: All[Name]["schema"] });

export type Settings = z.output<typeof settingsSchema>;

/** The flags of `script/server`, without their dashes. */
export const flagNames: readonly string[] = names.map(flagOf);

/** Every flag with its variable and default. */
export function usage(): string {
  const lines = names.map((name) => {
    const flag = flagOf(name);
    return `  --${flag.padEnd(20)} ${all[name].help}\n  ${" ".repeat(22)} ${variableOf(flag)}`;
  });
  return ["Usage: script/server [flags]", "", ...lines, ""].join("\n");
}

function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** TENANTRY_DATA is shared with the scripts and the launcher; all others follow their flag's name. */
function variableOf(flag: string): string {
  return flag === "data-dir" ? "TENANTRY_DATA" : `TENANTRY_${flag.toUpperCase().replaceAll("-", "_")}`;
}

function readFlags(args: readonly string[]): Record<string, string | boolean | undefined> {
  const typeOf = (flag: string) => (flag === "json-log" ? ("boolean" as const) : ("string" as const));
  const options = Object.fromEntries(flagNames.map((flag) => [flag, { type: typeOf(flag) }]));
  try {
    return parseArgs({ args: [...args], options, strict: true }).values as Record<
      string,
      string | boolean | undefined
    >;
  } catch (cause) {
    const known = flagNames.map((flag) => `--${flag}`).join(" ");
    throw new SettingsError(`Cannot start: ${(cause as Error).message}. Known flags: ${known}`, { cause });
  }
}

export function readSettings(args: readonly string[], environment: NodeJS.ProcessEnv): Settings {
  const values = readFlags(args);
  const raw: Record<string, unknown> = {};
  for (const name of names) {
    const flag = flagOf(name);
    const value = values[flag] ?? environment[variableOf(flag)];
    if (value !== undefined && value !== "") raw[name] = value;
  }
  const parsed = settingsSchema.safeParse(raw);
  if (!parsed.success) throw new SettingsError(describe(parsed.error, raw), { cause: parsed.error });
  refuseTogether(parsed.data);
  return { ...parsed.data, dataDir: path.resolve(parsed.data.dataDir) };
}

function describe(error: z.ZodError, raw: Record<string, unknown>): string {
  const lines = error.issues.map((issue) => {
    const name = String(issue.path[0]);
    const flag = flagOf(name);
    const got = redactText(JSON.stringify(raw[name]));
    return `Cannot start: --${flag} (or ${variableOf(flag)}) is not usable, got ${got}: ${issueText(issue)}`;
  });
  return lines.join("\n");
}
