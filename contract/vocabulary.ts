/**
 * The closed word lists of the product. Each list is declared once, here; the schemas, the database's columns and the
 * state machines take their types from it.
 */
export const ENVIRONMENTS = ["dev", "stage", "prod"] as const;
export type EnvironmentName = (typeof ENVIRONMENTS)[number];

export const SERVICE_NAMES = [
  "integrations-service",
  "discovery-service",
  "discovery-worker",
  "audit-service",
  "iam-service",
] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export const TENANT_STATUSES = [
  "draft",
  "active",
  "suspended",
  "archived",
  "decommissioning",
  "deleted",
] as const;
export type TenantStatus = (typeof TENANT_STATUSES)[number];

/** What a list of tenants can be sorted by; with a hyphen, backwards. */
export const TENANT_SORTS = [
  ...["createdAt", "-createdAt", "updatedAt", "-updatedAt"],
  ...["slug", "-slug", "displayName", "-displayName"],
] as const;
export type TenantSort = (typeof TENANT_SORTS)[number];

/** How much of its own a tenant has: see docs/isolation.md. */
export const ISOLATION_LEVELS = ["pooled", "hybrid", "dedicated", "account"] as const;
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** What suspending does: stop the workloads, or only answer the tenant's users that it is suspended. */
export const SUSPENSION_MODES = ["workloads", "access"] as const;
export type SuspensionMode = (typeof SUSPENSION_MODES)[number];

/** Whom to ask about what. */
export const CONTACT_ROLES = ["technical", "billing", "incident"] as const;
export type ContactRole = (typeof CONTACT_ROLES)[number];

/** Who may change the record: anybody with the role, or only a manifest. */
export const TENANT_MANAGERS = ["api", "manifest"] as const;
export type TenantManager = (typeof TENANT_MANAGERS)[number];

export const DATA_CLASSIFICATIONS = ["internal", "confidential", "restricted"] as const;
export type DataClassification = (typeof DATA_CLASSIFICATIONS)[number];

/** Which plans there are is data: see registry/plan.ts. */
export type PlanKey = string;

export const DEPLOYMENT_STATES = [
  "absent",
  "provisioning",
  "ready",
  "updating",
  "suspending",
  "suspended",
  "archiving",
  "archived",
  "failed",
  "deprovisioning",
] as const;
export type DeploymentState = (typeof DEPLOYMENT_STATES)[number];

/** What is wanted of a target, beside what it shows. */
export const REQUESTED_STATES = ["present", "suspended", "archived", "absent"] as const;
export type RequestedState = (typeof REQUESTED_STATES)[number];

export const HEALTH_STATES = ["unknown", "healthy", "degraded", "down"] as const;
export type HealthState = (typeof HEALTH_STATES)[number];

export const VERSION_STATES = ["unknown", "current", "behind", "ahead"] as const;
export type VersionState = (typeof VERSION_STATES)[number];

export const DRIFT_STATES = ["unknown", "clean", "drifted"] as const;
export type DriftState = (typeof DRIFT_STATES)[number];

export const OPERATION_KINDS = [
  "tenant_activate",
  "tenant_deploy",
  "tenant_suspend",
  "tenant_reactivate",
  "tenant_archive",
  "tenant_restore",
  "tenant_decommission",
  "tenant_rotate_credentials",
  "drift_repair",
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

export const OPERATION_STATUSES = [
  "queued",
  "running",
  "waiting",
  "succeeded",
  "failed",
  "cancelled",
] as const;
export type OperationStatus = (typeof OPERATION_STATUSES)[number];

export const JOURNAL_ENTRY_TYPES = [
  "created",
  "started",
  "step_started",
  "step_succeeded",
  "step_failed",
  "compensating",
  "undo_started",
  "undo_succeeded",
  "undo_failed",
  "progress",
  "waiting",
  "cancel_requested",
  "resumed",
  "succeeded",
  "failed",
  "cancelled",
] as const;
export type JournalEntryType = (typeof JOURNAL_ENTRY_TYPES)[number];

/** What a failure or a cancellation leaves: the state before the operation, or what was made so far. */
export const ON_FAILURE = ["compensate", "keep"] as const;
export type OnFailure = (typeof ON_FAILURE)[number];

/** How the undoing of an operation stands. */
export const COMPENSATIONS = ["running", "succeeded", "failed"] as const;
export type Compensation = (typeof COMPENSATIONS)[number];

/** An archive that is being written is `pending`; one that was deleted stays on record. */
export const ARCHIVE_STATES = ["pending", "complete", "deleted"] as const;
export type ArchiveState = (typeof ARCHIVE_STATES)[number];

/** Where a decommissioning stands: waiting for the end of its grace period, destroying, or over. */
export const DECOMMISSION_STATES = ["waiting", "destroying", "undone", "done"] as const;
export type DecommissionState = (typeof DECOMMISSION_STATES)[number];

export const DRIFT_SCAN_STATUSES = ["queued", "running", "succeeded", "failed"] as const;
export type DriftScanStatus = (typeof DRIFT_SCAN_STATUSES)[number];

export const DRIFT_SCAN_TARGET_STATUSES = [
  "pending",
  "running",
  "clean",
  "drifted",
  "failed",
  "skipped",
] as const;
export type DriftScanTargetStatus = (typeof DRIFT_SCAN_TARGET_STATUSES)[number];

/**
 * `changed` and `deleted`: a resource is not as the stack's state has it, or gone. `unmanaged`: it carries a tenant's tag and no
 * state has it. `registry`: the stack's state is not what the registry says. `hidden`: it differs only where the program says
 * `ignoreChanges`; no run would put it right, and it counts as no drift.
 */
export const DRIFT_FINDING_KINDS = ["changed", "deleted", "unmanaged", "registry", "hidden"] as const;
export type DriftFindingKind = (typeof DRIFT_FINDING_KINDS)[number];

export const DRIFT_FINDING_STATUSES = ["open", "resolved"] as const;
export type DriftFindingStatus = (typeof DRIFT_FINDING_STATUSES)[number];

export const DRIFT_CAUSE_STATUSES = ["open", "resolved"] as const;
export type DriftCauseStatus = (typeof DRIFT_CAUSE_STATUSES)[number];

/**
 * `previewing` and `previewed`: nothing has begun, or the rest is previewed anew. `halted` waits for a person, `paused` for the
 * one who paused it; `queued` waits for its planes. The last four are ends.
 */
export const ROLLOUT_STATUSES = [
  "previewing",
  "previewed",
  "queued",
  "running",
  "paused",
  "halted",
  "rolling_back",
  "succeeded",
  "failed",
  "cancelled",
  "rolled_back",
] as const;
export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];

/** `baking`: changed, and watched until its wave's bake is over. All but pending, running, baking and rolling_back are ends. */
export const ROLLOUT_TARGET_STATUSES = [
  "pending",
  "running",
  "baking",
  "succeeded",
  "unchanged",
  "failed",
  "skipped",
  "held",
  "rolling_back",
  "rolled_back",
] as const;
export type RolloutTargetStatus = (typeof ROLLOUT_TARGET_STATUSES)[number];

export const ROLLOUT_WAVE_STATUSES = ["pending", "awaiting_approval", "running", "baking", "ended"] as const;
export type RolloutWaveStatus = (typeof ROLLOUT_WAVE_STATUSES)[number];

/** strict: never more running than would exceed the tolerance by one if all of them failed. */
export const CONCURRENCY_MODES = ["strict", "soft"] as const;
export type ConcurrencyMode = (typeof CONCURRENCY_MODES)[number];

/** Why a target stays on its release: somebody said so, or it was rolled back on purpose. */
export const PIN_KINDS = ["pin", "rollback"] as const;
export type PinKind = (typeof PIN_KINDS)[number];

/** A window allows changes to start, a freeze forbids it. */
export const WINDOW_EFFECTS = ["allow", "deny"] as const;
export type WindowEffect = (typeof WINDOW_EFFECTS)[number];

export const INCIDENT_SEVERITIES = ["critical", "major", "minor"] as const;
export type IncidentSeverity = (typeof INCIDENT_SEVERITIES)[number];

export const INCIDENT_STATUSES = ["investigating", "identified", "monitoring", "resolved"] as const;
export type IncidentStatus = (typeof INCIDENT_STATUSES)[number];

export const INCIDENT_SUBJECT_KINDS = ["tenant", "plane", "release"] as const;
export type IncidentSubjectKind = (typeof INCIDENT_SUBJECT_KINDS)[number];

/** From least to most: an operator may do what an auditor may, an admin everything. */
export const API_KEY_ROLES = ["auditor", "fleet_operator", "fleet_admin"] as const;
export type ApiKeyRole = (typeof API_KEY_ROLES)[number];
