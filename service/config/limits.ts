import type { OperationKind } from "../../contract/vocabulary.ts";

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
  /** How often one try of a step clears what is in its engine's way: behind a lock there is often an unclean state. */
  clearingsPerStep: 3,
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
  /** Values of a group that are kept to be shown, and how much of each side; the group's key is over all of them. */
  previewValues: 200,
  previewValueChars: 200,
  /** How long a preview waits for a stack on which something runs. */
  previewPatienceMs: 30_000,
  previewLookMs: 500,
  /** Targets that are begun in one change. */
  rolloutStartsAtOnce: 25,
  /** Operations of a rollout on one plane that wait in the queue at any time; the next are asked for as these begin. */
  rolloutQueuedAhead: 4,
  /** Rollouts that passed a resting target by which it catches up with; of more, the last. */
  catchUpRollouts: 1_000,
  gateBodyBytes: 64 * 1024,
  gateConcurrency: 8,
  /** Of the targets of a rollout that bake, so many are looked at in each `gatePollMs`; of more, each less often. */
  gateLooksPerPoll: 60,
  /** A target that bakes has failed when it is not well so many looks in a row: tasks may be moved by autoscaling. */
  gateLooks: 3,
  breakerWindowMs: 600_000,
  breakerCoolDownMaxMs: 1_800_000,
  purgeEveryMs: 3_600_000,
  /** By so much the registry's clock may be ahead of what passes here, before nothing is destroyed as due. */
  clockAheadMs: 3_600_000,
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
  /** What a deletion certificate names of one target; the rest is counted. */
  certifiedResources: 1_000,
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
  /** Between two lines about traces that cannot be sent. */
  traceErrorEveryMs: 60_000,
  auditAnchorMs: 30_000,
  /** Packs that are made at the same time, and how long one may take to be read. */
  evidencePacks: 4,
  evidenceMs: 600_000,
  /** Chains whose beginnings are removed in one pass, and events of one chain in one transaction. */
  auditChainsPurgedAtOnce: 100,
  auditEventsPurgedAtOnce: 1_000,
  /** The log of what was allowed: how often it is written, how much of it waits in memory at most, and rows in one transaction. */
  decisionLog: { flushMs: 2_000, keptAtMost: 20_000, committedAtOnce: 5_000 },
  /** Decisions removed in one transaction, and how often so many in one pass: more an hour than a thousand a second come to. */
  decisionsPurgedAtOnce: 1_000,
  decisionPurgeBatches: 4_000,
} as const;
