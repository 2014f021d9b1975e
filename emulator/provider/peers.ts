import type { Properties, Value } from "../values.ts";
import { isList, isObject, text, UNKNOWN } from "../values.ts";

/** What one engine-side provider was configured with. */
export interface ProviderSettings {
  readonly region: string;
  readonly account: string;
  readonly callerArn: string;
  readonly defaultTags: Readonly<Record<string, string>>;
}

/** More connections than this and the oldest are forgotten; each CLI run opens a few. */
const MAX_PEERS = 10_000;

/** Calls carry no provider id, only the connection: an engine opens one per provider. */
export interface Peers {
  configure(peer: string, settings: ProviderSettings): void;
  /** Throws when the peer never configured. */
  settingsOf(peer: string): ProviderSettings;
}

export function createPeers(): Peers {
  const settings = new Map<string, ProviderSettings>();
  return {
    configure(peer, value) {
      settings.delete(peer);
      settings.set(peer, value);
      if (settings.size <= MAX_PEERS) return;
      for (const oldest of settings.keys()) {
        settings.delete(oldest);
        return;
      }
    },
    settingsOf(peer) {
      const value = settings.get(peer);
      if (value === undefined) {
        throw new Error(
          `Cannot serve ${peer}: the connection must be configured first. Was the local cloud restarted during the run? ` +
            "Run the operation again.",
        );
      }
      return value;
    },
  };
}

/** Nested provider options travel as JSON text. */
function parsed(value: Value | undefined): Value | undefined {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function firstRole(options: Properties): string | undefined {
  const roles = parsed(options.assumeRoles) ?? parsed(options.assumeRole);
  const last = isList(roles) ? roles.at(-1) : roles;
  return isObject(last) ? text(last, "roleArn") : undefined;
}

const ROLE_ARN = /^arn:aws[a-z-]*:iam::(\d{12}):role\/(.+)$/;
const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

function readDefaultTags(options: Properties): Record<string, string> {
  const defaultTags = parsed(options.defaultTags);
  const tags = isObject(defaultTags) ? parsed(defaultTags.tags) : undefined;
  if (!isObject(tags)) return {};
  return Object.fromEntries(
    Object.entries(tags).filter((tag): tag is [string, string] => typeof tag[1] === "string"),
  );
}

function checkAccount(options: Properties, account: string): void {
  const allowed = parsed(options.allowedAccountIds);
  const forbidden = parsed(options.forbiddenAccountIds);
  if ((isList(allowed) && !allowed.includes(account)) || (isList(forbidden) && forbidden.includes(account))) {
    throw new Error(`AWS account ID not allowed: ${account}`);
  }
}

/** Reads the provider's options as the real provider would; credentials and endpoints mean nothing here. */
export function readProviderSettings(options: Properties, defaultAccount: string): ProviderSettings {
  const region = options.region === UNKNOWN ? undefined : text(options, "region");
  if (region === undefined || !REGION.test(region)) {
    throw new Error(
      `Cannot configure the aws provider: region must be an AWS region such as eu-west-1, got ${region ?? "nothing"}. ` +
        "Set aws:region or AWS_REGION.",
    );
  }
  const role = ROLE_ARN.exec(firstRole(options) ?? "");
  const account = role?.[1] ?? defaultAccount;
  checkAccount(options, account);
  const callerArn =
    role === null
      ? `arn:aws:iam::${account}:user/local`
      : `arn:aws:sts::${account}:assumed-role/${role[2]?.split("/").at(-1) ?? "role"}/tenantry`;
  return { region, account, callerArn, defaultTags: readDefaultTags(options) };
}
