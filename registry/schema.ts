import type { ArchiveManifest } from "../contract/archive.ts";
import type { Cohort } from "../contract/cohort.ts";
import type { CertifiedTarget } from "../contract/decommission.ts";
import type { DomainStatus } from "../contract/domain.ts";
import type { BundleContent } from "../contract/entitlement.ts";
import type { FlagDefinition } from "../contract/flag.ts";
import type { IntegrationStatus } from "../contract/integration.ts";
import type { OverriddenLimit } from "../contract/limitOverride.ts";
import type { Manifest } from "../contract/manifest.ts";
import type { MeterAggregation } from "../contract/meter.ts";
import type { IsolationParts } from "../contract/placement.ts";
import type { OnStale, PlanSpec } from "../contract/plan.ts";
import type { QuotaKey, UsageWindow } from "../contract/quota.ts";
import type { ReconcileVerdict } from "../contract/reconcile.ts";
import type { PreviewChange, RolloutHealth } from "../contract/rollout.ts";
import type { RolloutBefore, RolloutChange } from "../contract/rolloutChange.ts";
import type { RolloutRules, WaveSettings } from "../contract/rolloutStrategy.ts";
import type { RouteKind, RouteState } from "../contract/routingSnapshot.ts";
import type {
  ApiKeyRole,
  ArchiveState,
  Compensation,
  ContactRole,
  DataClassification,
  DecommissionState,
  DeploymentState,
  DriftCauseStatus,
  DriftFindingKind,
  DriftFindingStatus,
  DriftScanStatus,
  DriftScanTargetStatus,
  DriftState,
  EnvironmentName,
  HealthState,
  IncidentSeverity,
  IncidentStatus,
  IncidentSubjectKind,
  IsolationLevel,
  OnFailure,
  OperationKind,
  OperationStatus,
  PinKind,
  PlanKey,
  RequestedState,
  RolloutStatus,
  RolloutTargetStatus,
  SuspensionMode,
  TenantManager,
  TenantStatus,
  WindowEffect,
} from "../contract/vocabulary.ts";
import type { Json } from "./json.ts";

/**
 * The tables as Kysely sees them: camelCase here, snake_case in the database.
 * Keys are UUID text, times ISO 8601 UTC text with milliseconds (so that text order is time order), JSON is text,
 * and booleans do not occur: every dialect stores these four alike.
 */
export interface Schema {
  planes: PlaneTable;
  tenants: TenantTable;
  tenantLabels: TenantLabelTable;
  tenantVersions: TenantVersionTable;
  tenantWords: TenantWordTable;
  tenantContacts: TenantContactTable;
  tenantExternalIds: TenantExternalIdTable;
  targets: TargetTable;
  targetObservations: TargetObservationTable;
  releases: ReleaseTable;
  operations: OperationTable;
  operationJournal: OperationJournalTable;
  auditEvents: AuditEventTable;
  auditHeads: AuditHeadTable;
  auditReasonWords: AuditReasonWordTable;
  auditStarts: AuditStartTable;
  auditCheckpoints: AuditCheckpointTable;
  auditCheckpointHeads: AuditCheckpointHeadTable;
  auditAnchors: AuditAnchorTable;
  decisions: DecisionTable;
  retentionSchedules: RetentionScheduleTable;
  policyLoads: PolicyLoadTable;
  residencyEndpoints: ResidencyEndpointTable;
  outbox: OutboxTable;
  apiKeys: ApiKeyTable;
  apiKeyUses: ApiKeyUseTable;
  idempotencyKeys: IdempotencyKeyTable;
  driftScans: DriftScanTable;
  driftScanTargets: DriftScanTargetTable;
  driftFindings: DriftFindingTable;
  driftScanFindings: DriftScanFindingTable;
  driftCauses: DriftCauseTable;
  driftCauseEpisodes: DriftCauseEpisodeTable;
  driftIgnores: DriftIgnoreTable;
  driftSchedules: DriftScheduleTable;
  rollouts: RolloutTable;
  rolloutPlanes: RolloutPlaneTable;
  rolloutWaves: RolloutWaveTable;
  rolloutTargets: RolloutTargetTable;
  rolloutPreviewGroups: RolloutPreviewGroupTable;
  placements: PlacementTable;
  routes: RouteTable;
  routingVersions: RoutingVersionTable;
  routingSnapshots: RoutingSnapshotTable;
  routingEntries: RoutingEntryTable;
  domains: DomainTable;
  domainLooks: DomainLookTable;
  tenantManifests: TenantManifestTable;
  reconcileLeaders: ReconcileLeaderTable;
  reconcileStates: ReconcileStateTable;
  processes: ProcessTable;
  stackLeases: StackLeaseTable;
  interruptedCalls: InterruptedCallTable;
  jobLeases: JobLeaseTable;
  queueTurns: QueueTurnTable;
  archives: ArchiveTable;
  decommissions: DecommissionTable;
  signingKeys: SigningKeyTable;
  certificates: CertificateTable;
  releaseImages: ReleaseImageTable;
  pins: PinTable;
  changeWindows: ChangeWindowTable;
  flags: FlagTable;
  flagOverrides: FlagOverrideTable;
  incidents: IncidentTable;
  incidentSubjects: IncidentSubjectTable;
  incidentNotes: IncidentNoteTable;
  breakers: BreakerTable;
  meters: MeterTable;
  usageEvents: UsageEventTable;
  usageTotals: UsageTotalTable;
  usageMarks: UsageMarkTable;
  usageSignals: UsageSignalTable;
  limitOverrides: LimitOverrideTable;
  plans: PlanTable;
  planVersions: PlanVersionTable;
  capabilities: CapabilityTable;
  entitlementOverrides: EntitlementOverrideTable;
  entitlementBundles: EntitlementBundleTable;
  schemaMigrations: SchemaMigrationTable;
  integrations: IntegrationTable;
}

export interface PlaneTable {
  planeId: string;
  /** `<environment>-<region>`, unique. */
  name: string;
  environment: EnvironmentName;
  region: string;
  accountId: string;
  /** The Pulumi stack the outputs were read from. */
  stackName: string;
  outputs: Json<Record<string, unknown>>;
  /** The one tenant it is for; null where it is for all. */
  dedicatedTo: string | null;
  recordVersion: number;
  createdAt: string;
  updatedAt: string;
}

/** Append-only: one row a target, written with it. */
export interface PlacementTable {
  placementId: string;
  tenantId: string;
  targetId: string;
  planeName: string;
  environment: EnvironmentName;
  region: string;
  accountId: string;
  generation: number;
  isolation: Json<IsolationParts>;
  /** Of subnets in the plane's network, so that no two targets get the same. */
  cidrBlock: string | null;
  reasons: Json<string[]>;
  decidedAt: string;
}

export interface TenantTable {
  tenantId: string;
  slug: string;
  displayName: string;
  /** The display name as lists sort by it. */
  displaySort: string;
  status: TenantStatus;
  requestedStatus: TenantStatus;
  plan: PlanKey;
  planVersion: number;
  primaryDomain: string | null;
  labels: Json<Record<string, string>>;
  settings: Json<Record<string, string>>;
  secretRefs: Json<Record<string, string>>;
  planes: Json<string[]>;
  isolation: IsolationLevel;
  regions: Json<{ allowed: string[]; preferred: string[] }>;
  suspensionMode: SuspensionMode;
  dataClassification: DataClassification;
  managedBy: TenantManager;
  legalHold: Json<{ reason: string; placedBy: string; placedAt: string }> | null;
  decommissionAfter: string | null;
  recordVersion: number;
  createdAt: string;
  updatedAt: string;
  archivedAt: string | null;
  deletedAt: string | null;
}

/** The labels of `tenants` once more, one a row, so that a filter by label can use an index. */
export interface TenantLabelTable {
  tenantId: string;
  key: string;
  value: string;
}

/** The words of `tenants` and what belongs to them, one a row: derived, see tenantWords.ts. */
export interface TenantWordTable {
  tenantId: string;
  word: string;
}

export interface TenantContactTable {
  contactId: string;
  tenantId: string;
  role: ContactRole;
  name: string;
  email: string;
  phone: string | null;
  recordVersion: number;
  createdAt: string;
  updatedAt: string;
}

export interface TenantExternalIdTable {
  tenantId: string;
  system: string;
  externalId: string;
  recordVersion: number;
  createdAt: string;
  updatedAt: string;
}

/** Append-only: the whole record as it stood after each change. */
export interface TenantVersionTable {
  tenantId: string;
  recordVersion: number;
  snapshot: Json<Record<string, unknown>>;
  action: string;
  actorId: string;
  requestId: string;
  changedAt: string;
}

export interface TargetTable {
  targetId: string;
  tenantId: string;
  planeId: string;
  planeName: string;
  environment: EnvironmentName;
  region: string;
  generation: number;
  projectName: string;
  stackName: string;
  deploymentState: DeploymentState;
  requestedState: RequestedState;
  suspensionMode: SuspensionMode | null;
  /** What removing it took away, for the deletion certificate. */
  deletion: Json<TargetDeletion> | null;
  clusterName: string | null;
  serviceNamespace: string | null;
  routingTarget: string | null;
  publicName: string | null;
  currentReleaseNumber: number | null;
  targetReleaseNumber: number | null;
  /** The last that was deployed, was healthy, and stayed so until its bake was over. */
  verifiedReleaseNumber: number | null;
  currentSpecDigest: string | null;
  /** The spec of the last successful run: what a drift repair and an "is there anything to do?" compare with. */
  appliedSpec: Json<Record<string, unknown>> | null;
  lastOperationId: string | null;
  lastOperationStatus: OperationStatus | null;
  recordVersion: number;
  createdAt: string;
  updatedAt: string;
  deletedAt: string | null;
}

/** What was last seen in the cloud; apart from `targets` because it changes without anybody's decision. */
export interface TargetObservationTable {
  targetId: string;
  health: HealthState;
  healthReason: string | null;
  healthCheckedAt: string | null;
  drift: DriftState;
  driftCheckedAt: string | null;
}

/** Append-only. */
export interface ReleaseTable {
  releaseId: string;
  number: number;
  description: string;
  services: Json<Record<string, { image: string; environment: Record<string, string> }>>;
  digest: string;
  /** Set by the column's default in rows from before there were notes. */
  notes: string;
  schemaVersion: number | null;
  compatibleFrom: number | null;
  compatibleTo: number | null;
  fromNumber: number | null;
  createdBy: string;
  createdAt: string;
}

/** The images of `releases` once more, one a row, so that a search by digest can use an index. Append-only. */
export interface ReleaseImageTable {
  releaseNumber: number;
  service: string;
  image: string;
  digest: string | null;
}

export interface OperationTable {
  operationId: string;
  kind: OperationKind;
  tenantId: string | null;
  targetId: string | null;
  planeName: string | null;
  rolloutId: string | null;
  onFailure: OnFailure;
  compensation: Compensation | null;
  /** Counted from `startedAt`. */
  deadlineMs: number;
  retryOf: string | null;
  input: Json<Record<string, unknown>>;
  reason: string | null;
  requestedBy: string;
  requestId: string;
  correlationId: string;
  /** The fold of the journal, kept here so that it can be listed and made unique; never written but by the journal. */
  status: OperationStatus;
  currentStep: string | null;
  attempt: number;
  journalLength: number;
  error: Json<OperationErrorValue> | null;
  leaseOwner: string | null;
  leaseExpiresAt: string | null;
  /** Grows with each claim; a journal entry under an older token is refused. */
  fencingToken: number;
  /** Its place in the queue; see queue.ts. */
  turn: number;
  /** When other processes were told of it; null: not yet. */
  dispatchedAt: string | null;
  createdAt: string;
  updatedAt: string;
  cancelRequestedAt: string | null;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface OperationErrorValue {
  code: string;
  message: string;
  retryable: boolean;
  step?: string;
  resource?: string;
  providerMessage?: string;
  undo?: { step: string; code: string; message: string };
}

/** Append-only. */
export interface OperationJournalTable {
  operationId: string;
  sequence: number;
  type: string;
  step: string | null;
  attempt: number;
  message: string | null;
  data: Json<Record<string, unknown>>;
  at: string;
}

/** Append-only. A chain is `fleet` or a tenant id. */
export interface AuditEventTable {
  chain: string;
  sequence: number;
  eventId: string;
  occurredAt: string;
  actorKind: string;
  actorId: string;
  actorName: string;
  action: string;
  targetType: string;
  targetId: string;
  tenantId: string | null;
  outcome: "succeeded" | "failed" | "denied";
  reason: string | null;
  requestId: string;
  correlationId: string;
  details: Json<Record<string, unknown>>;
  previousHash: string;
  hash: string;
}

/** The last link of each chain, written with it: a chain cut at its tail no longer ends where its head says. */
export interface AuditHeadTable {
  chain: string;
  sequence: number;
  hash: string;
  updatedAt: string;
}

/** The words of `auditEvents.reason` once more, one a row, so that a search for them can use an index. */
export interface AuditReasonWordTable {
  word: string;
  occurredAt: string;
  eventId: string;
}

/** Where the kept part of a chain begins: after this event, which was removed with all before it. */
export interface AuditStartTable {
  chain: string;
  sequence: number;
  hash: string;
  /** Canonical JSON of what was signed. */
  body: string;
  keyId: string;
  signature: string;
  updatedAt: string;
}

/** Append-only. */
export interface AuditCheckpointTable {
  number: number;
  /** Canonical JSON of what was signed. */
  body: string;
  digest: string;
  keyId: string;
  signature: string;
  createdAt: string;
}

/** The heads a checkpoint was taken over, of the newest ones only: see auditCheckpoint.ts for the text. */
export interface AuditCheckpointHeadTable {
  number: number;
  heads: string;
}

/** Where outside of the registry a checkpoint was written. */
export interface AuditAnchorTable {
  number: number;
  place: string;
  anchoredAt: string;
}

/** What was allowed, reads too; kept for a while. Denials and changes are in the chain. */
export interface DecisionTable {
  decisionId: string;
  decidedAt: string;
  principalId: string;
  principalName: string;
  role: string | null;
  action: string;
  tenantId: string | null;
  policies: Json<string[]>;
  requestId: string;
  correlationId: string;
}

/** How long a class of data is kept, where that differs from the setting. */
export interface RetentionScheduleTable {
  dataClass: string;
  /** Null: for ever. */
  keepDays: number | null;
  reason: string | null;
  recordVersion: number;
  updatedBy: string;
  updatedAt: string;
}

/** A stream is `fleet` or a tenant id; sequence numbers have no gap within one. */
export interface OutboxTable {
  stream: string;
  sequence: number;
  eventId: string;
  type: string;
  payload: Json<Record<string, unknown>>;
  createdAt: string;
  dispatchedAt: string | null;
}

export interface ApiKeyTable {
  keyId: string;
  name: string;
  role: ApiKeyRole;
  /** SHA-256 of the secret, hex. The secret has 256 random bits, so a slow hash would add nothing. */
  secretHash: string;
  /** Null: all. */
  environments: Json<EnvironmentName[]> | null;
  /** Of the secret before the last rotation, which works until `previousExpiresAt`. */
  previousSecretHash: string | null;
  previousExpiresAt: string | null;
  rotatedAt: string | null;
  createdBy: string;
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
}

export interface ApiKeyUseTable {
  keyId: string;
  lastUsedAt: string;
}

export interface IdempotencyKeyTable {
  principalId: string;
  key: string;
  requestDigest: string;
  state: "in_progress" | "completed";
  requestId: string;
  responseStatus: number | null;
  responseBody: Json<unknown> | null;
  createdAt: string;
  expiresAt: string;
}

export interface DriftScanTable {
  scanId: string;
  status: DriftScanStatus;
  scope: Json<Cohort>;
  scheduleId: string | null;
  targetsTotal: number;
  targetsDone: number;
  targetsFailed: number;
  targetsSkipped: number;
  findingsOpen: number;
  findingsNew: number;
  findingsIgnored: number;
  findingsHidden: number;
  requestedBy: string;
  requestId: string;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface DriftScanTargetTable {
  scanId: string;
  targetId: string;
  tenantId: string;
  status: DriftScanTargetStatus;
  findings: number;
  /** How often it could not be looked at because something was in the way. */
  looks: number;
  error: string | null;
  updatedAt: string;
}

/** What a scan saw; the finding itself goes on changing. */
export interface DriftScanFindingTable {
  scanId: string;
  findingId: string;
  /** 1: no scan had seen it before. */
  isNew: number;
  ignored: number;
}

export interface DriftFindingTable {
  findingId: string;
  targetId: string;
  tenantId: string;
  planeName: string;
  urn: string;
  resourceType: string;
  logicalName: string;
  physicalId: string | null;
  kind: DriftFindingKind;
  properties: Json<DriftPropertyValue[]>;
  status: DriftFindingStatus;
  /** Null when hidden. */
  causeId: string | null;
  ignoreId: string | null;
  ignoredUntil: string | null;
  needsPerson: string | null;
  seenCount: number;
  firstScanId: string | null;
  lastScanId: string | null;
  firstSeenAt: string;
  lastSeenAt: string;
  resolvedAt: string | null;
  resolvedBy: string | null;
}

export interface DriftPropertyValue {
  path: string;
  recorded: unknown;
  actual: unknown;
}

/** Written with its first finding; opened, counted and resolved by what is open, in driftCause.ts. */
export interface DriftCauseTable {
  causeId: string;
  status: DriftCauseStatus;
  kind: DriftFindingKind;
  resourceType: string;
  logicalName: string;
  properties: Json<{ path: string; actual: unknown }[]>;
  tenants: number;
  targets: number;
  findings: number;
  ignoredFindings: number;
  firstSeenAt: string;
  lastSeenAt: string;
  /** Null until it is opened for the first time. */
  openedAt: string | null;
  resolvedAt: string | null;
  episodes: number;
  /** Of the episodes that have ended. */
  endedDriftMs: number;
}

export interface DriftCauseEpisodeTable {
  causeId: string;
  episode: number;
  openedAt: string;
  resolvedAt: string | null;
  mostTenants: number;
}

export interface DriftIgnoreTable {
  ignoreId: string;
  causeId: string;
  scope: Json<Cohort>;
  reason: string;
  createdBy: string;
  createdAt: string;
  expiresAt: string;
  endedAt: string | null;
  endedBy: string | null;
}

export interface DriftScheduleTable {
  scheduleId: string;
  cron: string;
  timeZone: string;
  scope: Json<Cohort>;
  createdBy: string;
  createdAt: string;
  nextRunAt: string | null;
  lastRunAt: string | null;
  lastScanId: string | null;
  skippedRuns: number;
}

export interface RolloutTable {
  rolloutId: string;
  change: Json<RolloutChange>;
  /** Of a change of release: the number it brings; `change` once more, so that it can be asked for. */
  releaseNumber: number | null;
  scope: Json<Cohort>;
  rules: Json<RolloutRules>;
  status: RolloutStatus;
  statusReason: string | null;
  reason: string | null;
  waveCount: number;
  currentWave: number;
  targetCount: number;
  previewDigest: string | null;
  stuckSince: string | null;
  stuckReason: string | null;
  cancelRequestedAt: string | null;
  /** How it had ended when a part of it was asked to be rolled back: what it goes back to. */
  endedAs: "succeeded" | "failed" | "cancelled" | "rolled_back" | null;
  createdBy: string;
  requestId: string;
  correlationId: string;
  createdAt: string;
  updatedAt: string;
  previewedAt: string | null;
  queuedAt: string | null;
  startedAt: string | null;
  progressAt: string | null;
  finishedAt: string | null;
}

/** Where a rollout has targets. */
export interface RolloutPlaneTable {
  rolloutId: string;
  planeName: string;
}

export interface RolloutWaveTable {
  rolloutId: string;
  /** 1 is the first. */
  wave: number;
  name: string | null;
  /** Targets that can begin as it was planned: what its percentages are of, whatever is skipped later. */
  size: number;
  settings: Json<WaveSettings>;
  approvalAskedAt: string | null;
  approvedBy: string | null;
  approvedAt: string | null;
  startedAt: string | null;
  bakeUntil: string | null;
  endedAt: string | null;
}

export interface RolloutTargetTable {
  rolloutId: string;
  targetId: string;
  tenantId: string;
  planeName: string;
  wave: number;
  status: RolloutTargetStatus;
  reason: string | null;
  operationId: string | null;
  toReleaseNumber: number | null;
  before: Json<RolloutBefore>;
  previewGroup: string | null;
  planDigest: string | null;
  specDigest: string | null;
  previewedAt: string | null;
  previewError: string | null;
  /** Set while it waits to be rolled back and while it is. */
  rollbackRequestedAt: string | null;
  health: Json<RolloutHealth> | null;
  attempt: number;
  startedAt: string | null;
  endedAt: string | null;
  progressAt: string | null;
  updatedAt: string;
  /** When it was passed by because it rests, and what it had then; null again when it has caught up. */
  passedByAt: string | null;
  passedBy: Json<RolloutBefore> | null;
}

/** What targets of a rollout would change in the same way; written when all are previewed. */
export interface RolloutPreviewGroupTable {
  rolloutId: string;
  groupKey: string;
  /** From 1, in the order they are shown in. */
  position: number;
  changes: Json<PreviewChange[]>;
  operations: Json<Record<string, number>>;
  replaces: number;
  deletes: number;
  targetCount: number;
  tenantCount: number;
}

/** One per target that a router answers for. */
export interface RouteTable {
  targetId: string;
  tenantId: string;
  planeName: string;
  host: string;
  routingTarget: string;
  state: RouteState;
  generation: number;
  updatedAt: string;
}

export interface RoutingVersionTable {
  planeName: string;
  version: number;
  changedAt: string;
  /** Whose content stays until it is released; null when nothing is held. */
  heldVersion: number | null;
  heldAt: string | null;
  heldBy: string | null;
  holdReason: string | null;
}

/** What was signed, but for its routes: those are the entries that were there in that version. */
export interface RoutingSnapshotTable {
  planeName: string;
  version: number;
  publishedAt: string;
  publishedBy: string;
  reason: string | null;
  routes: number;
  restores: number | null;
  services: Json<readonly string[]>;
  sharedHost: string | null;
  checksum: string;
  keyId: string;
  signature: string;
}

/** A route, from a version on and up to the one before `untilVersion`. */
export interface RoutingEntryTable {
  planeName: string;
  host: string;
  fromVersion: number;
  untilVersion: number | null;
  kind: RouteKind;
  routingTarget: string;
  state: RouteState;
  targetId: string;
  tenantId: string;
}

export interface DomainTable {
  domainId: string;
  tenantId: string;
  planeName: string;
  domain: string;
  /** The domain again while it is verified: only one row can have it. */
  verifiedDomain: string | null;
  status: DomainStatus;
  token: string;
  verifiedAt: string | null;
  failingSince: string | null;
  recordVersion: number;
  createdAt: string;
  createdBy: string;
  updatedAt: string;
  removedAt: string | null;
}

export interface DomainLookTable {
  domainId: string;
  /** How often it was looked for in its present status. */
  looks: number;
  checkedAt: string | null;
  problem: string | null;
  nextCheckAt: string | null;
}

/** The manifest last applied to a tenant; `held…` once somebody has forced an edit past it. */
export interface TenantManifestTable {
  tenantId: string;
  digest: string;
  manifest: Json<Manifest>;
  file: string | null;
  appliedBy: string;
  appliedAt: string;
  heldReason: string | null;
  heldBy: string | null;
  heldAt: string | null;
}

/** Who reconciles; `token` grows with each change of holder. */
export interface ReconcileLeaderTable {
  name: string;
  holder: string;
  token: number;
  expiresAt: string;
  lastPass: Json<ReconcilePass> | null;
}

export interface ReconcilePass {
  finishedAt: string;
  durationMs: number;
  inSync: number;
  outOfSync: number;
}

/** What the last pass found not to be as declared; what is as declared has no row. */
export interface ReconcileStateTable {
  tenantId: string;
  planeName: string;
  targetId: string | null;
  verdict: ReconcileVerdict;
  action: string | null;
  reason: string;
  desired: string;
  observed: string;
  attempts: number;
  nextAttemptAt: string | null;
  since: string;
  updatedAt: string;
}

export interface ProcessTable {
  processId: string;
  /** Where its pid means something. */
  hostId: string;
  pid: number;
  /** Opaque; tells it from a later process with the same pid. */
  processStartedAt: string;
  role: "all" | "api" | "worker";
  registeredAt: string;
  heartbeatAt: string;
  stoppedAt: string | null;
}

/** Kept when free, with its last token, so that tokens only grow. */
export interface StackLeaseTable {
  targetId: string;
  holder: string | null;
  processId: string | null;
  token: number;
  expiresAt: string | null;
  takenAt: string;
}

/** A call to the cloud that was never answered. `resource` is as it was sent, without what is secret. */
export interface InterruptedCallTable {
  targetId: string;
  stackName: string;
  urn: string;
  type: "creating" | "updating" | "refused";
  resource: Json<{ readonly urn: string } & Readonly<Record<string, unknown>>>;
  /** Whose run it was. */
  operationId: string;
  notedAt: string;
}

export interface JobLeaseTable {
  name: string;
  processId: string | null;
  token: number;
  expiresAt: string | null;
}

/** How far the queue has been served (`served`), and the last turn given to a tenant (`tenant/<id>`). */
export interface QueueTurnTable {
  name: string;
  turn: number;
}

export type TargetDeletion = Pick<
  CertifiedTarget,
  | "resourcesDeleted"
  | "database"
  | "objectsDeleted"
  | "scheduledForDeletion"
  | "resources"
  | "resourcesUnlisted"
>;

export interface ArchiveTable {
  archiveId: string;
  tenantId: string;
  targetId: string;
  planeName: string;
  state: ArchiveState;
  bucket: string;
  prefix: string;
  manifest: Json<ArchiveManifest>;
  releaseNumber: number | null;
  retainUntil: string;
  createdAt: string;
  restoredAt: string | null;
  deletedAt: string | null;
}

/** At most one of a tenant has not ended. */
export interface DecommissionTable {
  decommissionId: string;
  tenantId: string;
  state: DecommissionState;
  statusBefore: TenantStatus;
  /** The targets that were running and were suspended for it: what an undoing takes back. */
  blockedTargets: Json<string[]>;
  reason: string;
  requestedBy: string;
  requestId: string;
  correlationId: string;
  requestedAt: string;
  graceUntil: string;
  endedAt: string | null;
}

/** Append-only: a certificate can be checked with the key it was signed with, whatever key signs now. */
export interface SigningKeyTable {
  keyId: string;
  algorithm: "Ed25519";
  /** PEM. */
  publicKey: string;
  createdAt: string;
}

/** Append-only. `body` is the canonical JSON that the signature is over. */
export interface CertificateTable {
  certificateId: string;
  tenantId: string;
  body: string;
  keyId: string;
  signature: string;
  createdAt: string;
}

/** What came of the last operations on a plane or in a region, and whether it is left alone. */
export interface BreakerTable {
  /** `plane/<name>` or `region/<region>`. */
  scope: string;
  state: "closed" | "open";
  outcomes: Json<BreakerOutcome[]>;
  reason: string | null;
  openings: number;
  openedAt: string | null;
  retryAt: string | null;
  /** Who was let through, and until when nobody else is. */
  probeHolder: string | null;
  probeUntil: string | null;
  updatedAt: string;
}

export interface BreakerOutcome {
  at: string;
  targetId: string;
  planeName: string;
  failure: string | null;
}

export interface PinTable {
  pinId: string;
  tenantId: string;
  /** Null: all targets of the tenant. */
  targetId: string | null;
  /** Null: the release each target is on. */
  releaseNumber: number | null;
  kind: PinKind;
  reason: string;
  createdBy: string;
  createdAt: string;
  expiresAt: string | null;
  releasedAt: string | null;
  releasedBy: string | null;
  releaseReason: string | null;
}

/** Of a tenant or of a plane; recurring by cron, or once from one time to another. */
export interface ChangeWindowTable {
  windowId: string;
  effect: WindowEffect;
  tenantId: string | null;
  planeName: string | null;
  cron: string | null;
  durationMs: number | null;
  timeZone: string | null;
  fromAt: string | null;
  untilAt: string | null;
  reason: string;
  createdBy: string;
  createdAt: string;
  endedAt: string | null;
  endedBy: string | null;
}

export interface FlagTable {
  flagKey: string;
  description: string;
  definition: Json<FlagDefinition>;
  recordVersion: number;
  createdBy: string;
  createdAt: string;
  updatedAt: string;
  archivedAt: string | null;
}

export interface FlagOverrideTable {
  flagKey: string;
  tenantId: string;
  value: "on" | "off";
  reason: string | null;
  expiresAt: string | null;
  recordVersion: number;
  createdBy: string;
  createdAt: string;
}

export interface IncidentTable {
  incidentId: string;
  title: string;
  severity: IncidentSeverity;
  status: IncidentStatus;
  openedBy: string;
  openedAt: string;
  resolvedBy: string | null;
  resolvedAt: string | null;
  recordVersion: number;
  updatedAt: string;
}

/** Whom or what an incident touches: tenant ids, plane names, release numbers. */
export interface IncidentSubjectTable {
  incidentId: string;
  kind: IncidentSubjectKind;
  value: string;
}

/** Append-only: the timeline. */
export interface IncidentNoteTable {
  noteId: string;
  incidentId: string;
  authorId: string;
  at: string;
  /** As it was from then on. */
  status: IncidentStatus;
  text: string;
}

export interface PlanTable {
  planKey: string;
  latestVersion: number;
  displayName: string;
  updatedAt: string;
}

/** Append-only: a version of a plan never changes. */
export interface PlanVersionTable {
  planKey: string;
  version: number;
  spec: Json<PlanSpec>;
  digest: string;
  createdBy: string;
  createdAt: string;
}

/** Every key that any version of a plan has named. */
export interface CapabilityTable {
  capabilityKey: string;
  createdAt: string;
}

/** In force; one that has ended is deleted, and the audit chain keeps it. */
export interface EntitlementOverrideTable {
  tenantId: string;
  capabilityKey: string;
  value: "on" | "off";
  onStale: OnStale | null;
  reason: string;
  expiresAt: string | null;
  updatedBy: string;
  updatedAt: string;
}

/** What a tenant may do as it was last evaluated; written with every change of what it is evaluated from. */
export interface EntitlementBundleTable {
  tenantId: string;
  version: number;
  content: Json<BundleContent>;
  digest: string;
  /** When an override ends by itself. */
  nextChangeAt: string | null;
  changedBy: string;
  changedAt: string;
}

/** Append-only: which policies held from when on. */
export interface PolicyLoadTable {
  loadId: string;
  version: string;
  source: string;
  files: Json<{ name: string; text: string }[]>;
  loadedAt: string;
}

/** What of a region is somewhere else than its planes say. */
export interface ResidencyEndpointTable {
  region: string;
  kind: string;
  address: string;
  recordVersion: number;
  updatedBy: string;
  updatedAt: string;
}

export interface SchemaMigrationTable {
  number: number;
  name: string;
  checksum: string;
  appliedAt: string;
}

export interface MeterTable {
  meterKey: string;
  displayName: string;
  unit: string;
  aggregation: MeterAggregation;
  decimals: number;
  createdBy: string;
  createdAt: string;
  archivedAt: string | null;
}

/** What was counted, each once. Never changed; removed when its retention is over. */
export interface UsageEventTable {
  tenantId: string;
  eventId: string;
  meterKey: string;
  /** In the meter's smallest step. */
  quantity: number;
  /** Of a correction, when its original did. */
  occurredAt: string;
  receivedAt: string;
  corrects: string | null;
  batchId: string;
}

export interface UsageTotalTable {
  tenantId: string;
  windowKind: UsageWindow;
  windowStart: string;
  meterKey: string;
  quantity: number;
  events: number;
  corrections: number;
  updatedAt: string;
}

export interface UsageMarkTable {
  name: string;
  at: string;
}

/** A quota's threshold that a tenant has come to in a window: one row, so that it is told once. */
export interface UsageSignalTable {
  tenantId: string;
  quota: QuotaKey;
  windowStart: string;
  threshold: number;
  facts: Json<Record<string, unknown>>;
  createdAt: string;
  toldAt: string | null;
}

export interface LimitOverrideTable {
  overrideId: string;
  tenantId: string;
  /** `quota/<quota>`, `rate/<operation id>` or `rate/*`; one a tenant that has not ended. */
  subject: string;
  limitValue: Json<OverriddenLimit>;
  reason: string;
  createdBy: string;
  createdAt: string;
  expiresAt: string;
  endedAt: string | null;
  endedBy: string | null;
  endReason: string | null;
}

/** A connector as one tenant has it; `entitled` is no part of it, as it follows from what the tenant may do by now. */
export interface IntegrationTable {
  integrationId: string;
  tenantId: string;
  connectorKey: string;
  connectorVersion: string;
  name: string;
  status: IntegrationStatus;
  settings: Json<Record<string, string>>;
  secretRefs: Json<Record<string, string>>;
  recordVersion: number;
  createdBy: string;
  createdAt: string;
  updatedAt: string;
}
