import type { DriftScan } from "../contract/drift.ts";
import type { RouteState } from "../contract/routing.ts";
import type {
  ApiKeyRole,
  DataClassification,
  DeploymentState,
  DriftFindingKind,
  DriftFindingStatus,
  DriftScanStatus,
  DriftState,
  EnvironmentName,
  HealthState,
  IsolationLevel,
  OperationKind,
  OperationStatus,
  PlanKey,
  RolloutStatus,
  RolloutTargetStatus,
  SuspensionMode,
  TenantManager,
  TenantStatus,
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
  targets: TargetTable;
  targetObservations: TargetObservationTable;
  releases: ReleaseTable;
  operations: OperationTable;
  operationJournal: OperationJournalTable;
  auditEvents: AuditEventTable;
  auditHeads: AuditHeadTable;
  outbox: OutboxTable;
  apiKeys: ApiKeyTable;
  apiKeyUses: ApiKeyUseTable;
  idempotencyKeys: IdempotencyKeyTable;
  driftScans: DriftScanTable;
  driftScanTargets: DriftScanTargetTable;
  driftFindings: DriftFindingTable;
  rollouts: RolloutTable;
  rolloutTargets: RolloutTargetTable;
  routes: RouteTable;
  routingVersions: RoutingVersionTable;
  schemaMigrations: SchemaMigrationTable;
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
  recordVersion: number;
  createdAt: string;
  updatedAt: string;
}

export interface TenantTable {
  tenantId: string;
  slug: string;
  displayName: string;
  status: TenantStatus;
  requestedStatus: TenantStatus;
  plan: PlanKey;
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
  requestedState: "present" | "suspended" | "absent";
  clusterName: string | null;
  serviceNamespace: string | null;
  routingTarget: string | null;
  publicName: string | null;
  currentReleaseNumber: number | null;
  targetReleaseNumber: number | null;
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
  createdBy: string;
  createdAt: string;
}

export interface OperationTable {
  operationId: string;
  kind: OperationKind;
  tenantId: string | null;
  targetId: string | null;
  planeName: string | null;
  rolloutId: string | null;
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
  createdAt: string;
  updatedAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface OperationErrorValue {
  code: string;
  message: string;
  retryable: boolean;
  resource?: string;
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
  scope: Json<DriftScan["scope"]>;
  targetsTotal: number;
  targetsDone: number;
  targetsFailed: number;
  findingsOpen: number;
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
  status: "pending" | "running" | "clean" | "drifted" | "failed" | "skipped";
  findings: number;
  error: string | null;
  updatedAt: string;
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

export interface RolloutTable {
  rolloutId: string;
  releaseId: string;
  releaseNumber: number;
  status: RolloutStatus;
  strategy: Json<Record<string, unknown>>;
  waveCount: number;
  currentWave: number;
  haltReason: string | null;
  createdBy: string;
  requestId: string;
  correlationId: string;
  createdAt: string;
  updatedAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface RolloutTargetTable {
  rolloutId: string;
  targetId: string;
  tenantId: string;
  planeName: string;
  /** 1 is the first wave. */
  wave: number;
  status: RolloutTargetStatus;
  operationId: string | null;
  fromReleaseNumber: number | null;
  error: string | null;
  updatedAt: string;
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
}

export interface SchemaMigrationTable {
  number: number;
  name: string;
  checksum: string;
  appliedAt: string;
}
