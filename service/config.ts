import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { issueText } from "../contract/issueText.ts";
import type { OperationKind } from "../contract/vocabulary.ts";
import { dataFolder } from "../launcher/dataFolder.ts";
import { isDnsServer } from "./domains/dnsServer.ts";
import { defaultHostId } from "./host.ts";

/**
 * The settings of one control service, read once at start from flags and TENANTRY_* variables; a flag wins over
 * its variable. Nothing else in service/ reads the environment, so what a service does is told by this object.
 */

const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

const settingsSchema = z.strictObject({
  /** Holds the registry, the state of the stacks in local mode, CLI output and server.json. */
  dataDir: z
    .string()
    .min(1)
    .default(() => dataFolder({})),
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 takes a free port; server.json tells which. */
  port: whole(0, 65_535).default(7070),
  cloud: z.enum(["local", "aws"]).default("local"),
  /** The registry in PostgreSQL, for any number of processes; without it a SQLite file in the data folder, for one. */
  databaseUrl: z.string().min(1).optional(),
  /** Connections to it at most, half for reading; three more carry messages and jobs. */
  databaseConnections: whole(2, 200).default(20),
  /** The YAML file with the connectors that tenants can be connected with; the project's own when left out. */
  connectorCatalog: z.string().min(1).optional(),
  /** `api` answers requests, `worker` runs operations and keeps the fleet in sight, `all` does both. */
  role: z.enum(["all", "api", "worker"]).default("all"),
  /** Where this process's pid means something: the same for all services of one machine or container, and no other's. */
  hostId: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,128}$/, "must be 1 to 128 letters, digits, dots, colons or dashes")
    .default(() => defaultHostId()),
  /** How long a claim on an operation or a stack holds unless renewed; it is renewed three times as often. */
  leaseMs: whole(3_000, 600_000).default(60_000),
  /** How long before its lease ends a service that cannot renew it stops what it runs, and how long others wait after. */
  killTimeMs: whole(500, 120_000).default(20_000),
  /** Operations that run at the same time in this process. */
  concurrency: whole(1, 64).default(2),
  /** Operations that run at the same time in all processes together. */
  planeConcurrency: whole(1, 1_000).default(64),
  tenantConcurrency: whole(1, 1_000).default(4),
  /** What an operation is taken to need; it waits while less is free and another runs here. */
  operationMemoryMb: whole(0, 1_000_000).default(280),
  /** Less than this free where the data folder lies, and nothing new is begun. */
  diskReserveMb: whole(0, 1_000_000).default(64),
  /** Warm engine processes, about 175 MB each. */
  engineWorkers: whole(1, 64).default(2),
  /** How long an operation waits for the services to become steady and healthy. */
  steadyTimeoutMs: whole(1_000, 3_600_000).default(600_000),
  steadyPollMs: whole(50, 60_000).default(1_000),
  healthPollMs: whole(1_000, 3_600_000).default(30_000),
  /** `correct` brings what manifests declare about, `report` only says what would be done. */
  reconcile: z.enum(["off", "report", "correct"]).default("correct"),
  reconcileEveryMs: whole(100, 3_600_000).default(30_000),
  /** The pause after a first failure; it doubles with each further one. */
  reconcileBackoffMs: whole(10, 3_600_000).default(10_000),
  /** What is done about drift, by environment or plane name: `dev=correct,prod-eu-west-1=report`. */
  driftPolicy: z
    .string()
    .regex(
      /^([a-z0-9-]+=(report|correct))?(,[a-z0-9-]+=(report|correct))*$/,
      "must be name=report|correct pairs",
    )
    .default("dev=correct,stage=report,prod=report")
    .transform(
      (pairs): Readonly<Record<string, string>> =>
        Object.fromEntries(pairs.split(",").map((pair) => pair.split("=", 2))),
    ),
  /** Drift repairs that nobody asked for, at most, on one plane. */
  driftRepairsPerHour: whole(0, 10_000).default(10),
  /** Targets that a drift scan looks at at the same time. */
  scanConcurrency: whole(1, 64).default(2),
  /** What a rollout's health gate may ask besides public addresses: hosts, host:port or *.domain, with commas between. */
  gateHosts: z
    .string()
    .default("")
    .transform((hosts) =>
      hosts
        .split(",")
        .map((host) => host.trim())
        .filter((host) => host !== ""),
    ),
  /** Where the Cedar policies come from: a folder or an https URL; the project's own policies/ when left out. */
  policies: z.string().min(1).optional(),
  /** Ed25519 public key, a PEM file or the PEM itself, that a policy bundle from a URL must be signed with. */
  policiesKey: z.string().min(1).optional(),
  /** How often the source of the policies is looked at. */
  policiesPollMs: whole(50, 3_600_000).default(5_000),
  /** How often a target that bakes is looked at. */
  gatePollMs: whole(50, 3_600_000).default(15_000),
  /** Different targets of a plane that fail within ten minutes for reasons of the engine or the cloud before it is left alone; 0 never. */
  breakerFailures: whole(0, 1_000).default(3),
  /** How long it is left alone the first time; each further time twice as long, up to half an hour. */
  breakerCoolDownMs: whole(100, 1_800_000).default(60_000),
  /** How long a stopping service waits for running operations before it aborts their engine runs. */
  drainMs: whole(0, 600_000).default(20_000),
  /** How long a decommissioning can be undone when its request does not say; 0 destroys at once. */
  decommissionGraceMs: whole(0, 31_536_000_000).default(7 * 86_400_000),
  /** How long an archive is kept at least when its request does not say. */
  archiveRetentionDays: whole(1, 3_650).default(365),
  /** How long an operation that has ended is kept with its journal. */
  operationRetentionDays: whole(1, 3_650).default(400),
  /** How long an outbox event is kept that nobody has taken. */
  outboxRetentionDays: whole(1, 3_650).default(90),
  /** How long a change of what a tenant may do may take to reach the services that follow it. */
  entitlementPropagationMs: whole(1_000, 3_600_000).default(60_000),
  /** How old a bundle of entitlements may be before its readers go by what each capability declares for that. */
  entitlementStaleMs: whole(1_000, 30 * 86_400_000).default(900_000),
  /** How long audit events are kept; 0 for ever. A schedule of the registry goes before these. */
  auditRetentionDays: whole(0, 36_500).default(0),
  decisionRetentionDays: whole(1, 36_500).default(90),
  /** How often a checkpoint of the audit trail is signed, if anything has happened; 0 for never by itself. */
  auditCheckpointMs: whole(0, 30 * 86_400_000).default(3_600_000),
  /** Where checkpoints are written outside of the registry: a folder, s3://bucket/prefix?region=…, or an https address. */
  auditAnchor: z.string().min(1).max(1_000).optional(),
  /** Ed25519 private key of the deletion certificates: a PEM file, or the PEM itself. One is made when left out. */
  signingKey: z.string().min(1).optional(),
  /** Where spans are sent by OTLP over HTTP; without it nothing is traced. */
  traceEndpoint: z
    .url({
      protocol: /^https?$/,
      error: "must be an http or https URL, such as http://127.0.0.1:4318/v1/traces",
    })
    .optional(),
  /** Share of the traces that begin here which are kept; a caller's own trace is kept when the caller keeps it. */
  traceSample: z.coerce.number().min(0).max(1).default(1),
  /** Tenants that have time series of their own in /metrics, the latest of which something was heard. */
  tenantSeries: whole(0, 5_000).default(200),
  /** Under a plane's domain, the name that answers for all its tenants; shorter than any slug, so no tenant can have it. */
  sharedHostLabel: z
    .string()
    .regex(
      /^([a-z][a-z0-9]?|none)$/,
      "must be one or two lowercase letters or digits, a letter first, or none",
    )
    .default("go")
    .transform((label) => (label === "none" ? undefined : label)),
  /** Who is asked for the records of tenants' domains: addresses, with ports if need be; else whom the machine asks. */
  dnsServers: z
    .string()
    .default("")
    .transform((list) =>
      list
        .split(",")
        .map((server) => server.trim())
        .filter((server) => server !== ""),
    )
    .refine((servers) => servers.every(isDnsServer), "must be addresses, each with :port if need be"),
  /** How often the service looks which domains are due to be looked for. */
  domainLookMs: whole(50, 3_600_000).default(15_000),
  /** How long after it happened a usage event is still taken. */
  usageLatenessHours: whole(1, 8_784).default(168),
  /** How long usage events, and totals of hours, are kept. */
  usageRetentionDays: whole(1, 3_650).default(400),
  /** How long totals of days and months are kept. */
  usageTotalRetentionDays: whole(1, 36_500).default(2_557),
  /** Requests of one key that are answered in a minute, by all services together; 0 for any number. */
  rateLimit: whole(0, 1_000_000_000).default(600_000),
  /** Requests without a valid key from one address that this service answers in a minute; 0 for any number. */
  rateLimitAddress: whole(0, 1_000_000_000).default(3_000),
  /** Proxies before the service that say in X-Forwarded-For whom they speak for; 0: nobody's word is taken. */
  trustedProxies: whole(0, 10).default(0),
  logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
  /** Log lines as JSON on stdout instead of a readable start message and a log file. */
  jsonLog: z.stringbool().or(z.boolean()).default(false),
  /** The Pulumi project of the planes, and which of its stacks are read at the start. */
  planeProject: z.string().min(1).default("tenantry"),
  planeStacks: z
    .string()
    .default("dev")
    .transform((names) => names.split(",").filter((name) => name !== "")),
  /** PEM file with the authorities of tenants' database servers; on AWS the bundle that RDS publishes. */
  databaseCaFile: z.string().min(1).optional(),
  /** What is done about a release's image that is named by a tag alone: look up its digest and keep that, or refuse it. */
  imageTags: z.enum(["resolve", "refuse"]).default("resolve"),
  /** Hosts that images may come from, `*` standing for anything; without it the large registries, and locally any. */
  imageRegistries: z
    .string()
    .max(4_000)
    .regex(
      /^[a-z0-9.*:-]+(,[a-z0-9.*:-]+)*$/i,
      "must be hosts with commas between, such as ghcr.io,*.dkr.ecr.*.amazonaws.com",
    )
    .optional(),
  /** cloud: aws only. One URL for every AWS service, or service=url pairs separated by commas. */
  awsEndpoints: z.string().optional(),
  /**
   * cloud: aws only. The role tenant stacks are run with: none (the service's own credentials), each plane's own
   * controller role, or one role for all planes.
   */
  awsAssumeRole: z
    .string()
    .regex(
      /^(plane|none|arn:aws[a-z-]*:iam::\d{12}:role\/.+)$/,
      "must be `plane`, `none` or the ARN of an IAM role",
    )
    .default("none"),
});

export type Settings = z.output<typeof settingsSchema>;

/** Bounds that are not worth a flag. A limit without a name is a bug. */
export const limits = {
  bodyBytes: 1024 * 1024,
  openStreams: 200,
  streamHeartbeatMs: 15_000,
  /** An event stream is closed after this; clients resume with Last-Event-ID. */
  streamLifetimeMs: 3_600_000,
  requestTimeoutMs: 60_000,
  /** How long answers under way may take when the service stops. */
  closeGraceMs: 5_000,
  /** For what a stopping service has to do besides waiting for others; past it, it ends without having stopped. */
  stopMarginMs: 15_000,
  headerBytes: 16 * 1024,
  journalReadEntries: 500,
  progressFlushMs: 250,
  progressWaitMs: 150,
  progressPerFlush: 20,
  progressPerOperation: 1_000,
  /** From an operation's beginning on, for requests that name no deadline: ten times what is usual. */
  operationDeadlineMs: {
    tenant_activate: 3_600_000,
    tenant_deploy: 3_600_000,
    tenant_suspend: 1_800_000,
    tenant_reactivate: 3_600_000,
    tenant_archive: 14_400_000,
    tenant_restore: 14_400_000,
    tenant_decommission: 7_200_000,
    tenant_rotate_credentials: 3_600_000,
    drift_repair: 3_600_000,
  } satisfies Readonly<Partial<Record<OperationKind, number>>>,
  /** Nudges wake the workers at once; this is for the nudge that was lost. */
  wakeEveryMs: 5_000,
  /** Tenants whose next step is asked for at the same time. */
  reconcileConcurrency: 4,
  reconcileBatch: 100,
  reconcileLeaseMs: 30_000,
  /** Between two passes at least, however often it is woken. */
  reconcilePauseMs: 200,
  /** Times as long as the last pass took it rests at least: on a busy fleet it takes a fifth of a core, not a whole one. */
  reconcileRest: 4,
  reconcileAttempts: 5,
  reconcileAttemptsUnlessRetryable: 2,
  reconcileBackoffMaxMs: 1_800_000,
  /** How long a cancellation asked for at another process may take to be seen. */
  cancelLookEveryMs: 1_000,
  othersLookEveryMs: 1_000,
  storageLookEveryMs: 2_000,
  /** After a failure to write an operation's end; doubled each time. */
  restMs: 2_000,
  /** Between two tries to write what an operation has come to, while the registry is away. */
  registryAwayMs: 500,
  restMaxMs: 300_000,
  lockLookMs: 250,
  /** Often enough that a row of kills from outside does not reach it. */
  takeUpsWithoutProgress: 20,
  /** A cloud's listing that lacks an object is believed after so many looks. */
  listingLooks: 4,
  listingLookMs: 10_000,
  stepAttempts: 4,
  stepBackoffMs: 500,
  stepBackoffMaxMs: 15_000,
  healthConcurrency: 8,
  driftSchedulesAtOnce: 100,
  /** Between two runs of a drift schedule at least. */
  driftScheduleEveryMs: 300_000,
  driftIgnoresAtOnce: 100,
  driftScanKeepMs: 90 * 86_400_000,
  driftScansPurgedAtOnce: 100,
  /** From now on, at most. */
  driftIgnoreMs: 366 * 86_400_000,
  /** Targets whose specs are read at once for previews, and changes of one plan that are kept to be shown. */
  previewBatch: 50,
  previewChanges: 200,
  /** How long a preview waits for a stack on which something runs. */
  previewPatienceMs: 30_000,
  previewLookMs: 500,
  /** Targets that are begun in one change. */
  rolloutStartsAtOnce: 25,
  gateBodyBytes: 64 * 1024,
  gateConcurrency: 8,
  /** A target that bakes has failed when it is not well so many looks in a row: tasks may be moved by autoscaling. */
  gateLooks: 3,
  breakerWindowMs: 600_000,
  breakerCoolDownMaxMs: 1_800_000,
  purgeEveryMs: 3_600_000,
  /** Operations, and outbox events, that are removed in one transaction, and how often so many are in one pass. */
  purgeAtOnce: 100,
  purgeBatches: 50,
  /** How late the end of an override may be told, besides to readers that ask, and how many are ended at once. */
  entitlementsEveryMs: 2_000,
  entitlementsDueAtOnce: 200,
  /** For requests that wait for a change which nobody has nudged them about. */
  entitlementLookMs: 1_000,
  entitlementLookBackMs: 5_000,
  /** How late the destruction after a grace period may begin. */
  decommissionEveryMs: 2_000,
  decommissionsAtOnce: 50,
  archivesEveryMs: 600_000,
  archivesPurgedAtOnce: 20,
  /** What the CLI said in a run is of use while somebody may still ask why it failed. */
  runFolderKeepMs: 14 * 86_400_000,
  /** How long preflight's counts of a plane are believed, and how long the cloud may take for them. */
  preflightFreshMs: 60_000,
  preflightMs: 10_000,
  /** Domains that are looked for in one pass, and at the same time. */
  domainsAtOnce: 200,
  domainLookConcurrency: 8,
  /** A store that lost its routing has it again after this at most. */
  routingStoreLookEveryMs: 30_000,
  /** For the images of a release together. */
  imageLookUpMs: 20_000,
  idempotencyKeyChars: 128,
  /** Thresholds of quotas that are told in one go, and how often is looked for those whose service died before. */
  usageSignalsAtOnce: 500,
  usageSignalsEveryMs: 10_000,
  /** Usage events, and totals of each kind, that are removed in one transaction, and how often so many in one pass. */
  usagePurgeAtOnce: 5_000,
  usagePurgeBatches: 400,
  limitOverridesAtOnce: 100,
  /** How long a tenant's rate limits are believed, and how many tenants' and versions of plans are remembered. */
  rateLimitFreshMs: 5_000,
  rateLimitTenants: 50_000,
  rateLimitPlans: 1_000,
  /** Counting together: connections, how long a request waits for it, and how long it is left alone after a failure. */
  rateLimiterConnections: 4,
  rateLimiterPatienceMs: 1_000,
  rateLimiterRestMs: 5_000,
  /** Times as long as reading the figures for /metrics took, they are believed. */
  figuresRest: 20,
  /** Events that wait, counted no further. */
  outboxCounted: 10_000,
  /** Spans that wait to be sent; what comes on top is dropped. */
  traceQueueSpans: 4_096,
  traceBatchSpans: 512,
  traceEveryMs: 2_000,
  traceSendMs: 5_000,
  traceStopMs: 3_000,
  traceErrorChars: 500,
  /** The log of what was allowed: how often it is written, how much of it waits in memory at most, and rows in one write. */
  auditAnchorMs: 30_000,
  /** Chains whose beginnings are removed in one pass, and events of one chain in one transaction. */
  auditChainsPurgedAtOnce: 100,
  auditEventsPurgedAtOnce: 1_000,
  decisionLog: { flushMs: 2_000, keptAtMost: 20_000, writtenAtOnce: 500 },
} as const;

const flags = {
  "data-dir": "dataDir",
  host: "host",
  port: "port",
  cloud: "cloud",
  "database-url": "databaseUrl",
  "database-connections": "databaseConnections",
  role: "role",
  "host-id": "hostId",
  "lease-ms": "leaseMs",
  "kill-time-ms": "killTimeMs",
  concurrency: "concurrency",
  "plane-concurrency": "planeConcurrency",
  "tenant-concurrency": "tenantConcurrency",
  "operation-memory-mb": "operationMemoryMb",
  "disk-reserve-mb": "diskReserveMb",
  "engine-workers": "engineWorkers",
  "steady-timeout-ms": "steadyTimeoutMs",
  "steady-poll-ms": "steadyPollMs",
  "health-poll-ms": "healthPollMs",
  reconcile: "reconcile",
  "reconcile-every-ms": "reconcileEveryMs",
  "reconcile-backoff-ms": "reconcileBackoffMs",
  "drift-policy": "driftPolicy",
  "drift-repairs-per-hour": "driftRepairsPerHour",
  "scan-concurrency": "scanConcurrency",
  "gate-hosts": "gateHosts",
  policies: "policies",
  "policies-key": "policiesKey",
  "policies-poll-ms": "policiesPollMs",
  "gate-poll-ms": "gatePollMs",
  "breaker-failures": "breakerFailures",
  "breaker-cool-down-ms": "breakerCoolDownMs",
  "drain-ms": "drainMs",
  "decommission-grace-ms": "decommissionGraceMs",
  "archive-retention-days": "archiveRetentionDays",
  "operation-retention-days": "operationRetentionDays",
  "outbox-retention-days": "outboxRetentionDays",
  "entitlement-propagation-ms": "entitlementPropagationMs",
  "entitlement-stale-ms": "entitlementStaleMs",
  "usage-lateness-hours": "usageLatenessHours",
  "usage-retention-days": "usageRetentionDays",
  "usage-total-retention-days": "usageTotalRetentionDays",
  "rate-limit": "rateLimit",
  "rate-limit-address": "rateLimitAddress",
  "trusted-proxies": "trustedProxies",
  "audit-retention-days": "auditRetentionDays",
  "decision-retention-days": "decisionRetentionDays",
  "audit-checkpoint-ms": "auditCheckpointMs",
  "audit-anchor": "auditAnchor",
  "connector-catalog": "connectorCatalog",
  "signing-key": "signingKey",
  "trace-endpoint": "traceEndpoint",
  "trace-sample": "traceSample",
  "tenant-series": "tenantSeries",
  "shared-host-label": "sharedHostLabel",
  "dns-servers": "dnsServers",
  "domain-look-ms": "domainLookMs",
  "log-level": "logLevel",
  "plane-project": "planeProject",
  "plane-stacks": "planeStacks",
  "image-tags": "imageTags",
  "image-registries": "imageRegistries",
  "aws-endpoints": "awsEndpoints",
  "aws-assume-role": "awsAssumeRole",
  "database-ca-file": "databaseCaFile",
} as const satisfies Record<string, keyof Settings>;

export type FlagName = keyof typeof flags | "json-log";

const help: Readonly<Record<FlagName, string>> = {
  "data-dir": "folder of registry, state, logs and local cloud (default: .tenantry in the checkout)",
  host: "address to listen on (127.0.0.1)",
  port: "port to listen on, 0 for any free one (7070)",
  cloud: "local or aws (local)",
  "database-url": "postgres://… of the registry, for several services (default: SQLite in the data folder)",
  "database-connections": "connections to it at most (20)",
  role: "all, api or worker (all); api and worker need --database-url",
  "host-id":
    "name of this machine or container among those that run the service (made from its name and ids)",
  "lease-ms": "how long a claim on an operation holds without renewal (60000)",
  "kill-time-ms":
    "how long a lost service is given to stop what it ran, before and after its lease ends (20000)",
  concurrency: "operations at once in this process (2)",
  "plane-concurrency": "operations at once on one plane, in all services together (64)",
  "tenant-concurrency": "operations at once for one tenant, in all services together (4)",
  "operation-memory-mb": "memory an operation is taken to need; the next waits while less is free (280)",
  "disk-reserve-mb": "less than this free in the data folder makes the service read-only (64)",
  "engine-workers": "warm engine processes, about 175 MB each (2)",
  "steady-timeout-ms": "how long an operation waits for healthy services (600000)",
  "steady-poll-ms": "how often it looks (1000)",
  "health-poll-ms": "how often the fleet's health is read (30000)",
  reconcile: "what is done to reach what manifests declare: off, report or correct (correct)",
  "reconcile-every-ms": "how often the whole fleet is compared with what is declared (30000)",
  "reconcile-backoff-ms": "how long it waits after a first failure; doubles with each (10000)",
  "drift-policy": "drift by environment or plane (dev=correct,stage=report,prod=report)",
  "drift-repairs-per-hour": "drift repairs nobody asked for, on one plane (10)",
  "gate-hosts":
    "hosts that health gates may ask although they are private: host, host:port or *.domain, with commas between",
  policies: "folder or https URL of the Cedar policies (the project's own)",
  "policies-key": "Ed25519 public key (PEM or its file) that a policy bundle from a URL must be signed with",
  "policies-poll-ms": "how often the source of the policies is looked at (5000)",
  "gate-poll-ms": "how often a target that bakes is looked at (15000)",
  "breaker-failures": "targets of a plane that may fail before nothing new is started there, 0 for any (3)",
  "breaker-cool-down-ms": "how long it is then left alone at first (60000)",
  "scan-concurrency": "targets that a drift scan looks at at once (2)",
  "drain-ms": "how long a stopping service waits for running operations (20000)",
  "decommission-grace-ms": "how long a decommissioning can be undone, 0 for not at all (604800000)",
  "archive-retention-days": "how long archives are kept at least (365)",
  "operation-retention-days": "how long operations that have ended are kept with their journals (400)",
  "outbox-retention-days": "how long outbox events are kept that nobody has taken (90)",
  "usage-lateness-hours": "how long after it happened a usage event is still counted (168)",
  "usage-retention-days": "how long usage events and totals of hours are kept (400)",
  "usage-total-retention-days": "how long totals of days and months are kept (2557)",
  "rate-limit": "requests of one key that are answered in a minute, 0 for any number (600000)",
  "rate-limit-address": "requests without a valid key from one address in a minute, 0 for any number (3000)",
  "trusted-proxies": "proxies before the service whose X-Forwarded-For is believed (0)",
  "entitlement-propagation-ms":
    "how long a change of what a tenant may do may take to reach its services (60000)",
  "entitlement-stale-ms": "how old a bundle of entitlements may be before readers stop believing it (900000)",
  "audit-retention-days": "how long audit events are kept, 0 for ever (0)",
  "decision-retention-days": "how long the log of what was allowed is kept (90)",
  "audit-checkpoint-ms": "how often the audit trail is signed, 0 for only when asked (3600000)",
  "audit-anchor":
    "folder, s3://bucket/prefix?region=… or https address that signed checkpoints are written to as well",
  "connector-catalog":
    "YAML file of the connectors that tenants can be connected with (catalog/connectors.yaml)",
  "signing-key": "PEM, or its file, of the certificates' Ed25519 key (signing-key.pem in the data folder)",
  "trace-endpoint": "OTLP/HTTP address that spans are sent to, such as http://127.0.0.1:4318/v1/traces (off)",
  "trace-sample": "share of the traces begun here that is kept, 0 to 1 (1)",
  "tenant-series": "tenants with time series of their own in /metrics, the latest heard of (200)",
  "shared-host-label": "name under a plane's domain that answers for all its tenants, or none (go)",
  "dns-servers": "who is asked for the records of tenants' domains, with commas between (the machine's)",
  "domain-look-ms": "how often domains that are due are looked for (15000)",
  "log-level": "fatal, error, warn, info, debug, trace or silent (info)",
  "json-log": "log lines as JSON on stdout instead of service.log in the data folder",
  "plane-project": "Pulumi project of the planes (tenantry)",
  "plane-stacks": "its stacks to record at the start, with commas between (dev)",
  "image-tags":
    "images of releases named by a tag: resolve (keep the digest it stands for) or refuse (resolve)",
  "image-registries":
    "hosts that images may come from, with commas and * (the large registries; locally any)",
  "aws-endpoints": "cloud aws: one URL for all services, or service=url pairs with commas between",
  "database-ca-file": "PEM file with the authorities of tenants' databases: on AWS the bundle of RDS",
  "aws-assume-role":
    "cloud aws: role the tenant stacks are run with: none, plane (each plane's own), or an ARN",
};

/** Every flag with its variable and default. */
export function usage(): string {
  const lines = Object.entries(help).map(
    ([flag, text]) => `  --${flag.padEnd(20)} ${text}\n  ${" ".repeat(22)} ${variableOf(flag)}`,
  );
  return ["Usage: script/server [flags]", "", ...lines, ""].join("\n");
}

export class SettingsError extends Error {}

/** TENANTRY_DATA is shared with the scripts and the launcher; all others follow their flag's name. */
function variableOf(flag: string): string {
  return flag === "data-dir" ? "TENANTRY_DATA" : `TENANTRY_${flag.toUpperCase().replaceAll("-", "_")}`;
}

function readFlags(args: readonly string[]): Record<string, string | boolean | undefined> {
  const options = Object.fromEntries(Object.keys(flags).map((flag) => [flag, { type: "string" as const }]));
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, "json-log": { type: "boolean" as const } },
      strict: true,
    }).values as Record<string, string | boolean | undefined>;
  } catch (cause) {
    const known = [...Object.keys(flags), "json-log"].map((flag) => `--${flag}`).join(" ");
    throw new SettingsError(`Cannot start: ${(cause as Error).message}. Known flags: ${known}`, { cause });
  }
}

export function readSettings(args: readonly string[], environment: NodeJS.ProcessEnv): Settings {
  const values = readFlags(args);
  const raw: Record<string, unknown> = {};
  for (const [flag, setting] of [...Object.entries(flags), ["json-log", "jsonLog"] as const]) {
    const value = values[flag] ?? environment[variableOf(flag)];
    if (value !== undefined && value !== "") raw[setting] = value;
  }
  const parsed = settingsSchema.safeParse(raw);
  if (!parsed.success) throw new SettingsError(describe(parsed.error, raw), { cause: parsed.error });
  refuseTogether(parsed.data);
  refuseShortStaleness(parsed.data);
  refuseUsage(parsed.data);
  return { ...parsed.data, dataDir: path.resolve(parsed.data.dataDir) };
}

function refuseShortStaleness({ entitlementStaleMs, entitlementPropagationMs }: Settings): void {
  if (entitlementStaleMs >= entitlementPropagationMs) return;
  throw new SettingsError(
    `Cannot start: --entitlement-stale-ms must be at least --entitlement-propagation-ms, got ${entitlementStaleMs} and ` +
      `${entitlementPropagationMs}: a reader would stop believing what it has before it need ask again. Lengthen it.`,
  );
}

/** Settings that are each right and do not go together. */
function refuseTogether({ role, databaseUrl, leaseMs, killTimeMs }: Settings): void {
  if (role !== "all" && databaseUrl === undefined) {
    throw new SettingsError(
      `Cannot start: --role ${role} needs other processes beside it, which need a registry in PostgreSQL (--database-url), ` +
        "and SQLite is for one process alone. Name a database, or leave --role out.",
    );
  }
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new SettingsError(
      "Cannot start: --database-url (or TENANTRY_DATABASE_URL) must be postgres://user:password@host:port/database, " +
        "got another shape. Encode special characters of the password, such as / as %2F.",
    );
  }
  if (killTimeMs * 2 > leaseMs) {
    throw new SettingsError(
      `Cannot start: --kill-time-ms must be at most half of --lease-ms, got ${killTimeMs} of ${leaseMs}: a service that ` +
        "cannot renew its leases must have time to try. Lengthen the lease.",
    );
  }
}

/** An event that could still come when it is no longer kept could be counted twice. */
function refuseUsage({ usageLatenessHours, usageRetentionDays, usageTotalRetentionDays }: Settings): void {
  if (usageLatenessHours > usageRetentionDays * 24) {
    throw new SettingsError(
      `Cannot start: --usage-lateness-hours must be within --usage-retention-days, got ${usageLatenessHours} hours and ` +
        `${usageRetentionDays} days. Keep events longer than they may be late.`,
    );
  }
  if (usageTotalRetentionDays < usageRetentionDays) {
    throw new SettingsError(
      `Cannot start: --usage-total-retention-days must be at least --usage-retention-days, got ${usageTotalRetentionDays} ` +
        `and ${usageRetentionDays}. Keep totals at least as long as what they add up.`,
    );
  }
}

function describe(error: z.ZodError, raw: Record<string, unknown>): string {
  const lines = error.issues.map((issue) => {
    const setting = String(issue.path[0]);
    const flag = Object.entries(flags).find(([, name]) => name === setting)?.[0] ?? "json-log";
    const got = JSON.stringify(raw[setting]);
    return `Cannot start: --${flag} (or ${variableOf(flag)}) is not usable, got ${got}: ${issueText(issue)}`;
  });
  return lines.join("\n");
}
