import type { OperationId } from "../../contract/routes.ts";
import type { ApiKeyRole, EnvironmentName } from "../../contract/vocabulary.ts";
import type { AuditEntry, ChangeContext } from "../../registry/audit.ts";
import { type Change, type ChangeScope, FLEET_SCOPE, type Registry } from "../../registry/registry.ts";
import { USAGE_SCOPE } from "../../registry/usageIngest.ts";
import type { CloudRuntime } from "../cloud/cloudRuntime.ts";
import type { Settings } from "../config.ts";
import type { TenantDatabases } from "../database/tenantDatabases.ts";
import type { Engine } from "../engine/engine.ts";
import type { ImageResolver } from "../images/imageResolver.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Nudges } from "../nudges.ts";
import type { PolicyFacts } from "../policy/facts.ts";
import type { PolicyKeeper } from "../policy/keeper.ts";
import type { ServiceProcess } from "../process.ts";
import type { Storage } from "../storage.ts";
import { note, noteTenant } from "../tracing/scope.ts";
import { type Tracing, traceparentNow } from "../tracing/tracing.ts";
import type { PlaneReads } from "./planeReads.ts";

/** What every part of the service shares. */
export interface ServiceContext {
  readonly settings: Settings;
  readonly registry: Registry;
  readonly engine: Engine;
  readonly cloud: CloudRuntime;
  readonly databases: TenantDatabases;
  readonly images: ImageResolver;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly nudges: Nudges;
  readonly planeReads: PlaneReads;
  readonly policy: PolicyKeeper;
  readonly process: ServiceProcess;
  readonly storage: Storage;
  /** Tells the runner that a running operation is to stop. */
  cancelOperation(operationId: string): void;
}

/** The service for whoever is not to write to the registry by it. */
export interface ReadingService extends Omit<ServiceContext, "registry"> {
  readonly registry: Pick<Registry, "read">;
}

/** Who asks. The role is null for whoever has no key; such a caller reaches only what needs none. */
export interface Principal {
  readonly kind: "api_key" | "anonymous" | "system";
  readonly id: string;
  readonly name: string;
  readonly role: ApiKeyRole | null;
  /** Those that it may change anything in; null or absent: all of them. */
  readonly environments?: readonly EnvironmentName[] | null;
}

/** Why the request was let through: its action, the role that did, and the policies that were asked. */
export interface AuthorizationDecision {
  readonly action: OperationId;
  readonly role: ApiKeyRole | null;
  readonly policies: readonly string[];
  readonly policyVersion: string | null;
}

export interface RequestContext extends ServiceContext {
  readonly principal: Principal;
  readonly requestId: string;
  readonly correlationId: string;
  /** Filled by `authorize`, for `changeAs` to put on each audit event of the request. */
  readonly decision?: {
    made?: AuthorizationDecision;
    /** Inside the change: throws when the tenant has changed since, and the policies no longer allow it. */
    stillHolds?: (change: Change) => Promise<void>;
  };
  /** What the request says that policies look at. */
  readonly facts?: PolicyFacts;
  /** Why an edit is to go past the tenant's manifest; see managed.ts. */
  readonly forceReason?: string;
  /** From If-Match: refuses the change when it would be made on another version than was read. */
  precondition?(change: Change): Promise<void>;
  /** Of a key for some environments: refuses the change when what it reaches has come to lie elsewhere since it was let in. */
  withinEnvironments?(change: Change): Promise<void>;
  /** Keeps what a change gives back as the answer to the request's Idempotency-Key; absent without such a key. */
  keepAnswer?(change: Change, answer: unknown): Promise<void>;
}

/**
 * A change in the caller's name. What `work` gives back is what the caller is answered: it is kept for the
 * Idempotency-Key in the same transaction, so that a crash leaves both or neither. A change about one tenant alone says
 * which, so that it waits for no other tenant's.
 */
export function changeAs<T>(
  context: RequestContext,
  work: (change: Change) => Promise<T>,
  scope?: ChangeScope,
): Promise<T> {
  const { id, name } = context.principal;
  const { requestId, correlationId } = context;
  const kind = context.principal.kind === "system" ? "system" : "api_key";
  const actor = { kind, id, name } as const;
  const keeping = async (change: Change) => {
    const audit = (entry: AuditEntry) => {
      if (entry.tenantId != null) noteTenant(entry.tenantId);
      return change.audit(withDecision(entry, context.decision?.made));
    };
    await context.precondition?.(change);
    await context.withinEnvironments?.(change);
    await context.decision?.stillHolds?.(change);
    const answer = await work({ ...change, audit });
    await context.keepAnswer?.(change, answer);
    return answer;
  };
  // Batches of usage are about many tenants, and what goes into the fleet's chain is about none.
  const isAboutOne = scope !== undefined && scope !== USAGE_SCOPE && scope !== FLEET_SCOPE;
  if (isAboutOne) note({ tenantId: scope.tenantId });
  const cause = { actor, requestId, correlationId, ...traceparentNow() };
  return context.registry.change(cause, keeping, scope);
}

/** For a change beside the request's own, such as the record of its refusal: it is no answer, and nothing is asked before it. */
export function besideRequest(context: RequestContext): RequestContext {
  const { keepAnswer: _noAnswer, decision, ...asking } = context;
  const { precondition: _neither, withinEnvironments: _nor, ...rest } = asking;
  return { ...rest, decision: decision?.made === undefined ? {} : { made: decision.made } };
}

function withDecision(entry: AuditEntry, authorization: AuthorizationDecision | undefined): AuditEntry {
  return authorization === undefined ? entry : { ...entry, details: { ...entry.details, authorization } };
}

const controller = { kind: "system", id: "controller", name: "Tenantry controller" } as const;

/** The name under which the service writes what it observed in the course of somebody's request. */
export function controllerFor(cause: {
  readonly requestId: string;
  readonly correlationId: string;
}): ChangeContext {
  return { actor: controller, requestId: cause.requestId, correlationId: cause.correlationId };
}
