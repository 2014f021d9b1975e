import type { AuditDecision, AuditEvent } from "../../contract/audit.ts";
import type { AuditCheckpoint } from "../../contract/auditCheckpoint.ts";
import type { Connector } from "../../contract/connector.ts";
import type { Contact } from "../../contract/contact.ts";
import type { Domain } from "../../contract/domain.ts";
import type { DriftFinding, DriftScan } from "../../contract/drift.ts";
import type { Entitlement } from "../../contract/entitlement.ts";
import type { ExternalId } from "../../contract/externalId.ts";
import type { TenantHealth } from "../../contract/health.ts";
import type { Integration } from "../../contract/integration.ts";
import type { LimitOverride } from "../../contract/limitOverride.ts";
import type { Operation } from "../../contract/operation.ts";
import type { PlanSummary, PlanVersion } from "../../contract/plan.ts";
import type { Plane } from "../../contract/plane.ts";
import type { QuotaState } from "../../contract/quota.ts";
import type { Release } from "../../contract/release.ts";
import type { Retention } from "../../contract/retention.ts";
import type { Rollout, RolloutTarget } from "../../contract/rollout.ts";
import type { RolloutChange } from "../../contract/rolloutChange.ts";
import type { RoutingVersion } from "../../contract/routing.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { UsageTotal } from "../../contract/usage.ts";
import type { Tone } from "../io.ts";
import type { Column } from "./table.ts";
import { ageText } from "./time.ts";

const TONES: Readonly<Record<string, Tone>> = {
  ...words(
    "good",
    "active succeeded ready healthy current clean complete ok open_window resolved closed enabled verified",
  ),
  ...words("bad", "failed down drifted halted deleted open denied broken rolled_back over lapsed failing"),
  ...words(
    "busy",
    "queued running waiting previewing previewed paused baking rolling_back suspended degraded",
  ),
  ...words("busy", "behind ahead provisioning updating suspending decommissioning held half_open near"),
  ...words("faint", "unknown draft archived absent skipped unchanged cancelled pending expired"),
};

function words(tone: Tone, list: string): Record<string, Tone> {
  return Object.fromEntries(list.split(" ").map((word) => [word, tone]));
}

export function toneOf(word: unknown): Tone | undefined {
  return typeof word === "string" ? TONES[word] : undefined;
}

function state<T>(title: string, value: (row: T) => unknown): Column<T> {
  return { title, value, tone: (row) => toneOf(value(row)) };
}
function id<T>(title: string, value: (row: T) => unknown): Column<T> {
  return { title, value, whole: true };
}
function age<T>(title: string, value: (row: T) => string | null): Column<T> {
  return { title, value: (row) => ageText(value(row), Date.now()), alignRight: true };
}
/** Keeps the row's type to this place: views are looked up by the name of a schema. */
function view<T>(...columns: Column<T>[]): readonly Column<unknown>[] {
  return columns as unknown as readonly Column<unknown>[];
}

/** Columns of lists, by the name of the item's schema. What is not here is shown by `plainColumns`. */
export const VIEWS: Readonly<Record<string, readonly Column<unknown>[]>> = {
  RoutingVersion: view<RoutingVersion>(
    { title: "version", value: ({ version }) => version, alignRight: true },
    { title: "routes", value: ({ routes }) => routes, alignRight: true },
    { title: "restores", value: ({ restores }) => restores, alignRight: true },
    age("age", ({ publishedAt }) => publishedAt),
    { title: "by", value: ({ publishedBy }) => publishedBy },
    { title: "reason", value: ({ reason }) => reason },
  ),
  Domain: view<Domain>(
    { title: "domain", value: ({ displayName }) => displayName },
    state("status", ({ status, failingSince }) => (failingSince === null ? status : "failing")),
    { title: "plane", value: ({ planeName }) => planeName },
    age("checked", ({ checkedAt }) => checkedAt),
    { title: "problem", value: ({ problem }) => problem },
    id("domain id", ({ domainId }) => domainId),
  ),
  Tenant: view<Tenant>(
    { title: "slug", value: ({ slug }) => slug },
    state("status", ({ status }) => status),
    { title: "plan", value: ({ plan, planVersion }) => `${plan} ${planVersion}` },
    { title: "isolation", value: ({ isolation }) => isolation },
    { title: "planes", value: ({ planes }) => planes },
    { title: "name", value: ({ displayName }) => displayName },
    id("id", ({ tenantId }) => tenantId),
    age("age", ({ createdAt }) => createdAt),
  ),
  PlanSummary: view<PlanSummary>(
    { title: "plan", value: ({ plan }) => plan },
    { title: "version", value: ({ latestVersion }) => latestVersion, alignRight: true },
    { title: "name", value: ({ displayName }) => displayName },
    age("age", ({ updatedAt }) => updatedAt),
  ),
  PlanVersion: view<PlanVersion>(
    { title: "plan", value: ({ plan }) => plan },
    { title: "version", value: ({ version }) => version, alignRight: true },
    { title: "isolation", value: ({ isolation }) => isolation },
    { title: "by", value: ({ createdBy }) => createdBy },
    age("age", ({ createdAt }) => createdAt),
  ),
  Entitlement: view<Entitlement>(
    { title: "capability", value: ({ capabilityKey }) => capabilityKey },
    state("state", ({ enabled }) => (enabled ? "enabled" : "off")),
    { title: "source", value: ({ source }) => source },
    { title: "when stale", value: ({ onStale }) => onStale },
    { title: "ends", value: ({ expiresAt }) => expiresAt },
    { title: "reason", value: ({ reason }) => reason },
  ),
  Contact: view<Contact>(
    { title: "role", value: ({ role }) => role },
    { title: "name", value: ({ name }) => name },
    { title: "email", value: ({ email }) => email },
    { title: "phone", value: ({ phone }) => phone },
    id("id", ({ contactId }) => contactId),
  ),
  ExternalId: view<ExternalId>(
    { title: "system", value: ({ system }) => system },
    id("id", ({ externalId }) => externalId),
    age("age", ({ updatedAt }) => updatedAt),
  ),
  TenantHealth: view<TenantHealth>(
    { title: "tenant", value: ({ slug }) => slug },
    { title: "plane", value: ({ planeName }) => planeName },
    state("status", ({ status }) => status),
    state("deployment", ({ deploymentState }) => deploymentState),
    state("health", ({ health }) => health),
    state("version", ({ version }) => version),
    { title: "release", value: (row) => versions(row.currentReleaseNumber, row.targetReleaseNumber) },
    state("drift", ({ drift }) => drift),
    { title: "why", value: ({ healthReason }) => healthReason },
  ),
  Target: view<Target>(
    { title: "plane", value: ({ planeName }) => planeName },
    state("deployment", ({ deploymentState }) => deploymentState),
    state("health", ({ health }) => health),
    state("version", ({ version }) => version),
    { title: "release", value: (row) => versions(row.currentReleaseNumber, row.targetReleaseNumber) },
    state("drift", ({ drift }) => drift),
    state("last operation", ({ lastOperationStatus }) => lastOperationStatus),
    id("id", ({ targetId }) => targetId),
  ),
  Operation: view<Operation>(
    id("id", ({ operationId }) => operationId),
    { title: "kind", value: ({ kind }) => kind },
    state("status", ({ status }) => status),
    { title: "plane", value: ({ planeName }) => planeName },
    id("tenant", ({ tenantId }) => tenantId),
    { title: "step", value: ({ currentStep }) => currentStep },
    age("age", ({ createdAt }) => createdAt),
    { title: "error", value: ({ error }) => error?.message },
  ),
  Release: view<Release>(
    { title: "release", value: ({ number }) => number, alignRight: true },
    { title: "description", value: ({ description }) => description },
    { title: "digest", value: ({ digest }) => digest.slice(0, 12) },
    { title: "by", value: ({ createdBy }) => createdBy },
    age("age", ({ createdAt }) => createdAt),
  ),
  Rollout: view<Rollout>(
    id("id", ({ rolloutId }) => rolloutId),
    { title: "change", value: ({ change }) => changeText(change) },
    state("status", ({ status }) => status),
    { title: "wave", value: ({ currentWave, waveCount }) => `${currentWave}/${waveCount}` },
    { title: "targets", value: ({ targetCount }) => targetCount, alignRight: true },
    { title: "planes", value: ({ planes }) => planes },
    age("age", ({ createdAt }) => createdAt),
    { title: "why", value: ({ statusReason, stuckReason }) => stuckReason ?? statusReason },
  ),
  RolloutTarget: view<RolloutTarget>(
    { title: "wave", value: ({ wave }) => wave, alignRight: true },
    id("tenant", ({ tenantId }) => tenantId),
    { title: "plane", value: ({ planeName }) => planeName },
    state("status", ({ status }) => status),
    { title: "why", value: ({ reason, previewError }) => reason ?? previewError },
  ),
  DriftScan: view<DriftScan>(
    id("id", ({ scanId }) => scanId),
    state("status", ({ status }) => status),
    { title: "done", value: ({ targetsDone, targetsTotal }) => `${targetsDone}/${targetsTotal}` },
    { title: "failed", value: ({ targetsFailed }) => targetsFailed, alignRight: true },
    { title: "findings", value: ({ findingsOpen }) => findingsOpen, alignRight: true },
    age("age", ({ createdAt }) => createdAt),
  ),
  DriftFinding: view<DriftFinding>(
    { title: "plane", value: ({ planeName }) => planeName },
    id("tenant", ({ tenantId }) => tenantId),
    { title: "type", value: ({ resourceType }) => resourceType },
    { title: "resource", value: ({ logicalName }) => logicalName },
    state("kind", ({ kind }) => kind),
    { title: "properties", value: ({ properties }) => properties.map(({ path }) => path) },
    age("since", ({ firstSeenAt }) => firstSeenAt),
  ),
  Plane: view<Plane>(
    { title: "plane", value: ({ name }) => name },
    { title: "environment", value: ({ environment }) => environment },
    { title: "region", value: ({ region }) => region },
    { title: "account", value: ({ accountId }) => accountId },
    { title: "for", value: ({ dedicatedTo }) => dedicatedTo ?? "all" },
    age("age", ({ createdAt }) => createdAt),
  ),
  UsageTotal: view<UsageTotal>(
    { title: "from", value: ({ windowStart }) => windowStart.slice(0, 16).replace("T", " ") },
    { title: "window", value: ({ window }) => window },
    id("tenant", ({ tenantId }) => tenantId),
    { title: "meter", value: ({ meter }) => meter },
    { title: "quantity", value: ({ quantity }) => quantity, alignRight: true },
    { title: "events", value: ({ events }) => events, alignRight: true },
    { title: "corrections", value: ({ corrections }) => corrections, alignRight: true },
  ),
  QuotaState: view<QuotaState>(
    { title: "quota", value: ({ quota }) => quota },
    { title: "used", value: ({ used }) => used, alignRight: true },
    { title: "limit", value: ({ limit }) => limit ?? "none", alignRight: true },
    { title: "unit", value: ({ unit }) => unit },
    { title: "from", value: ({ source }) => source },
    {
      title: "state",
      value: ({ exceeded }) => (exceeded ? "over" : "ok"),
      tone: ({ exceeded }) => toneOf(exceeded ? "over" : "ok"),
    },
    { title: "resets", value: ({ resetsAt }) => resetsAt?.slice(0, 16).replace("T", " ") },
  ),
  LimitOverride: view<LimitOverride>(
    id("id", ({ overrideId }) => overrideId),
    id("tenant", ({ tenantId }) => tenantId),
    { title: "limit", value: ({ limit }) => limitText(limit) },
    { title: "in force", value: ({ inForce }) => (inForce ? "yes" : "no") },
    { title: "until", value: ({ expiresAt }) => expiresAt.slice(0, 16).replace("T", " ") },
    { title: "reason", value: ({ reason }) => reason },
  ),
  Connector: view<Connector>(
    { title: "key", value: ({ connectorKey }) => connectorKey },
    { title: "name", value: ({ name }) => name },
    { title: "category", value: ({ category }) => category },
    { title: "versions", value: ({ versions }) => versions.join(", ") },
    { title: "capability", value: ({ capability }) => capability },
    { title: "secrets", value: ({ secretRefs }) => secretRefs.map(({ name }) => name).join(", ") },
    state("status", ({ status }) => status),
  ),
  Integration: view<Integration>(
    id("id", ({ integrationId }) => integrationId),
    { title: "name", value: ({ name }) => name },
    { title: "connector", value: ({ connectorKey }) => connectorKey },
    { title: "version", value: ({ connectorVersion }) => connectorVersion },
    state("status", ({ status }) => status),
    { title: "entitled", value: ({ entitled }) => (entitled ? "yes" : "no") },
  ),
  AuditDecision: view<AuditDecision>(
    { title: "at", value: ({ decidedAt }) => decidedAt.slice(0, 19).replace("T", " ") },
    { title: "key", value: ({ principal }) => principal.name },
    { title: "role", value: ({ role }) => role },
    { title: "action", value: ({ action }) => action },
    id("tenant", ({ tenantId }) => tenantId),
  ),
  AuditCheckpoint: view<AuditCheckpoint>(
    { title: "number", value: ({ statement }) => statement.number },
    { title: "at", value: ({ statement }) => statement.createdAt.slice(0, 19).replace("T", " ") },
    { title: "chains", value: ({ statement }) => statement.chains },
    { title: "events", value: ({ statement }) => statement.events },
    { title: "anchored", value: ({ anchors }) => anchors.map(({ place }) => place).join(", ") },
    { title: "digest", value: ({ digest }) => digest },
  ),
  Retention: view<Retention>(
    { title: "class", value: ({ dataClass }) => dataClass },
    { title: "days", value: ({ keepDays }) => keepDays ?? "for ever" },
    { title: "by", value: ({ source }) => source },
    { title: "what", value: ({ description }) => description },
  ),
  AuditEvent: view<AuditEvent>(
    { title: "at", value: ({ occurredAt }) => occurredAt.slice(0, 19).replace("T", " ") },
    { title: "actor", value: ({ actor }) => actor.name },
    { title: "action", value: ({ action }) => action },
    state("outcome", ({ outcome }) => outcome),
    { title: "target", value: ({ target }) => `${target.type} ${target.id}` },
    { title: "reason", value: ({ reason }) => reason },
  ),
};

function versions(current: number | null, target: number | null): string {
  return current === target ? `${current ?? "-"}` : `${current ?? "-"}→${target ?? "-"}`;
}

function limitText(limit: LimitOverride["limit"]): string {
  if (limit.kind === "quota") return `${limit.quota} ${limit.value ?? "none"}`;
  return `${limit.requests} in ${limit.windowSeconds} s (${limit.operationId ?? "all endpoints"})`;
}

/** What a rollout brings, in a few words. */
export function changeText(change: RolloutChange): string {
  const { kind, ...what } = change;
  return [kind.replace("_", " "), ...Object.values(what).map((value) => String(value).slice(0, 24))].join(
    " ",
  );
}

const MOST_COLUMNS = 8;

/** For a schema without a view: its short members in their order. */
export function plainColumns(rows: readonly unknown[]): Column<unknown>[] {
  const names = new Set<string>();
  for (const row of rows)
    for (const [name, value] of Object.entries(row ?? {}))
      if (
        typeof value !== "object" ||
        (Array.isArray(value) && value.every((item) => typeof item === "string"))
      )
        names.add(name);
  return [...names].slice(0, MOST_COLUMNS).map((name) => {
    const value = (row: unknown) => (row as Record<string, unknown>)[name];
    return { title: name, value, tone: (row) => toneOf(value(row)), whole: name.endsWith("Id") };
  });
}
