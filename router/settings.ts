import { readFileSync } from "node:fs";
import { z } from "zod";
import { KEYS_MEANT, readTrust, type Trust } from "./trust.ts";

/** The router's settings, read once at start from the environment: it is configured by its task definition. */
const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

const trusted = z.string().transform((text, context): Trust => {
  try {
    return readTrust(text);
  } catch {
    context.addIssue({ code: "custom", message: KEYS_MEANT });
    return z.NEVER;
  }
});

const settingsSchema = z
  .object({
    PORT: whole(0, 65_535).default(8080),
    HOST: z.string().min(1).default("0.0.0.0"),
    /** The plane whose snapshot is served; another plane's is refused. */
    PLANE_NAME: z.string().min(1).optional(),
    SNAPSHOT_FILE: z.string().min(1).optional(),
    SNAPSHOT_URL: z.url({ protocol: /^https?$/ }).optional(),
    /** An API key, where the URL is the control plane's own route. */
    SNAPSHOT_TOKEN: z.string().min(1).optional(),
    /** How long that route may hold its answer back until there is another version. */
    SNAPSHOT_WAIT_MS: whole(0, 25_000).default(0),
    ROUTING_BUCKET: z.string().min(1).optional(),
    ROUTING_PREFIX: z.string().default("routing/"),
    AWS_REGION: z.string().min(1).optional(),
    /** Public keys whose signatures are taken, in PEM; or a file of them. */
    TRUSTED_KEYS: trusted.optional(),
    TRUSTED_KEYS_FILE: z.string().min(1).optional(),
    /** Where the last good snapshot is kept on disk; without it a router that starts while its source is away has none. */
    CACHE_FILE: z.string().min(1).optional(),
    /** Where S3 answers, when not at AWS. */
    AWS_ENDPOINT_URL_S3: z.url().optional(),
    TENANT_SERVICE_PORT: whole(1, 65_535).default(8080),
    /** Answered on hosts that are no tenant's. */
    PUBLIC_DOMAIN: z.string().min(1).toLowerCase().optional(),
    HEALTH_PATH: z.string().startsWith("/").default("/healthz"),
    /** `name=host:port,name=host:port`: private names that are not looked up. */
    RESOLVE: z.string().default("").transform(parseResolve),
    RELOAD_MS: whole(50, 60_000).default(1_000),
    /** Metrics are served there and nowhere else; without it not at all. */
    METRICS_PORT: whole(0, 65_535).optional(),
    DRAIN_MS: whole(0, 600_000).default(30_000),
    MAX_CONNECTIONS: whole(1, 1_000_000).default(10_000),
    LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]).default("info"),
  })
  .refine(
    (given) =>
      [given.SNAPSHOT_FILE, given.SNAPSHOT_URL, given.ROUTING_BUCKET].filter((one) => one !== undefined)
        .length === 1,
    { error: "exactly one of SNAPSHOT_FILE, SNAPSHOT_URL and ROUTING_BUCKET must be set" },
  )
  .refine((given) => given.TRUSTED_KEYS === undefined || given.TRUSTED_KEYS_FILE === undefined, {
    error: "at most one of TRUSTED_KEYS and TRUSTED_KEYS_FILE must be set",
  });
export type RouterSettings = z.output<typeof settingsSchema>;

/** Bounds of the proxy that are not worth a variable. */
export const limits = {
  headerBytes: 16 * 1024,
  /** How long a client may take for its headers. */
  headersTimeoutMs: 10_000,
  /** How long a client may take for its whole request; bodies are streamed, so it bounds an upload. */
  requestTimeoutMs: 300_000,
  /** Longer than a load balancer keeps an idle connection (60 s), so that it is never the router that closes one in use. */
  keepAliveMs: 75_000,
  connectMs: 3_000,
  /** How long a service may be silent, before its answer and within it. */
  upstreamIdleMs: 60_000,
  /** A WebSocket without any traffic is closed after this. */
  upgradedIdleMs: 3_600_000,
  /** How long a client that was refused another protocol may take to read why and to close. */
  lingerMs: 1_000,
  /** The rest of a joined connection of which one end has finished. */
  halfOpenMs: 10_000,
  socketsPerUpstream: 256,
  freeSocketsPerUpstream: 32,
  snapshotBytes: 64 * 1024 * 1024,
  snapshotReadMs: 10_000,
} as const;

export class RouterSettingsError extends Error {
  override readonly name = "RouterSettingsError";
}

export function readRouterSettings(
  environment: Readonly<Record<string, string | undefined>>,
): RouterSettings {
  const parsed = settingsSchema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const name = issue.path.join(".");
    return name === "" ? issue.message : `${name}: ${issue.message}`;
  });
  throw new RouterSettingsError(`Cannot start the router:\n  ${problems.join("\n  ")}`);
}

/**
 * Whom the settings trust: nobody when they say nothing, so that a plane can come up before the service whose key it will trust.
 * Throws RouterSettingsError when a file of keys cannot be read. */
export function trustOf({ TRUSTED_KEYS, TRUSTED_KEYS_FILE }: RouterSettings): Trust {
  if (TRUSTED_KEYS_FILE === undefined) return TRUSTED_KEYS ?? new Map();
  try {
    return readTrust(readFileSync(TRUSTED_KEYS_FILE, "utf8"));
  } catch (cause) {
    throw new RouterSettingsError(
      `Cannot start the router:\n  TRUSTED_KEYS_FILE: ${TRUSTED_KEYS_FILE} ${KEYS_MEANT}`,
      { cause },
    );
  }
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

function parseResolve(text: string, context: z.RefinementCtx): ReadonlyMap<string, Address> {
  const known = new Map<string, Address>();
  for (const pair of text.split(",").filter((part) => part.trim() !== "")) {
    const [, name, host, port] = /^\s*([^=\s]+)=([^:\s]+):(\d{1,5})\s*$/.exec(pair) ?? [];
    if (name === undefined || host === undefined) {
      context.addIssue({ code: "custom", message: `must be name=host:port, got ${JSON.stringify(pair)}` });
      return z.NEVER;
    }
    known.set(name, { host, port: Number(port) });
  }
  return known;
}
