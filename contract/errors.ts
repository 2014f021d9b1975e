import { z } from "zod";

/**
 * Everything the API can refuse or fail with. A code never changes its meaning and never disappears; clients branch on
 * it, people read `detail` and `hint`.
 */
export const ERRORS = {
  malformed_json: { status: 400, title: "The body is not JSON" },
  unauthenticated: { status: 401, title: "No valid API key" },
  forbidden: { status: 403, title: "The key may not do this" },
  policy_denied: { status: 403, title: "A policy forbids this" },
  policy_error: { status: 403, title: "The policies could not be evaluated" },
  residency_violation: { status: 403, title: "The tenant may not be reached in that region" },
  not_entitled: { status: 403, title: "The tenant is not entitled to it" },
  route_not_found: { status: 404, title: "No such path" },
  tenant_not_found: { status: 404, title: "No such tenant" },
  tenant_version_not_found: { status: 404, title: "No such version of the tenant" },
  contact_not_found: { status: 404, title: "The tenant has no such contact" },
  external_id_not_found: { status: 404, title: "No such external id" },
  plane_not_found: { status: 404, title: "No such plane" },
  region_not_found: { status: 404, title: "Nothing is known of that region" },
  policy_version_not_found: { status: 404, title: "No such set of policies" },
  plan_not_found: { status: 404, title: "No such plan" },
  plan_version_not_found: { status: 404, title: "No such version of the plan" },
  entitlement_override_not_found: { status: 404, title: "The tenant has no such override" },
  release_not_found: { status: 404, title: "No such release" },
  pin_not_found: { status: 404, title: "No such pin" },
  window_not_found: { status: 404, title: "No such window" },
  flag_not_found: { status: 404, title: "No such flag" },
  flag_override_not_found: { status: 404, title: "The tenant has no such override" },
  incident_not_found: { status: 404, title: "No such incident" },
  certificate_not_found: { status: 404, title: "There is no deletion certificate" },
  operation_not_found: { status: 404, title: "No such operation" },
  drift_scan_not_found: { status: 404, title: "No such drift scan" },
  drift_cause_not_found: { status: 404, title: "No such cause of drift" },
  drift_ignore_not_found: { status: 404, title: "No such ignore" },
  drift_schedule_not_found: { status: 404, title: "No such drift schedule" },
  rollout_not_found: { status: 404, title: "No such rollout" },
  breaker_not_found: { status: 404, title: "No such circuit breaker" },
  routing_version_not_found: { status: 404, title: "No such version of the routing" },
  domain_not_found: { status: 404, title: "The tenant has no such domain" },
  meter_not_found: { status: 404, title: "No such meter" },
  limit_override_not_found: { status: 404, title: "No such override of a limit" },
  connector_not_found: { status: 404, title: "No such connector" },
  integration_not_found: { status: 404, title: "The tenant has no such integration" },
  api_key_not_found: { status: 404, title: "No such API key" },
  audit_chain_not_found: { status: 404, title: "No such chain" },
  audit_checkpoint_not_found: { status: 404, title: "No such checkpoint, or its heads are kept elsewhere" },
  method_not_allowed: { status: 405, title: "The path does not take this method" },
  tenant_deleted: { status: 410, title: "The tenant is deleted" },
  duplicate_slug: { status: 409, title: "The slug is taken" },
  duplicate_external_id: { status: 409, title: "Another tenant has the external id" },
  too_many_contacts: { status: 409, title: "Too many contacts" },
  too_many_external_ids: { status: 409, title: "Too many external ids" },
  illegal_transition: { status: 409, title: "The tenant's status does not allow this" },
  legal_hold: { status: 409, title: "A legal hold keeps the tenant" },
  grace_ended: { status: 409, title: "The grace period has ended" },
  archive_missing: { status: 409, title: "The tenant has no such archive" },
  operation_in_progress: { status: 409, title: "Another operation is running" },
  operation_finished: { status: 409, title: "The operation has already ended" },
  operation_compensating: { status: 409, title: "The operation is being undone" },
  operation_not_retryable: { status: 409, title: "The operation cannot be retried" },
  findings_changed: { status: 409, title: "Something else differs by now" },
  breaker_open: { status: 409, title: "Too much has failed there lately" },
  rollout_in_progress: { status: 409, title: "Another rollout is running" },
  rollout_finished: { status: 409, title: "The rollout has already ended" },
  rollout_status: { status: 409, title: "The rollout's status does not allow this" },
  preview_outdated: { status: 409, title: "The preview no longer holds" },
  no_plane_in_region: { status: 409, title: "No plane where the tenant may be" },
  region_not_allowed: { status: 409, title: "The tenant may not be in that region" },
  plane_not_dedicated: { status: 409, title: "The plane is not that tenant's own" },
  isolation_change_needs_migration: { status: 409, title: "A live tenant's isolation changes by migration" },
  plane_missing: { status: 409, title: "The plane is not there" },
  plane_incomplete: { status: 409, title: "The plane's outputs are incomplete" },
  release_missing: { status: 409, title: "There is no release to deploy" },
  release_incompatible: { status: 409, title: "The release cannot follow the one that runs" },
  target_pinned: { status: 409, title: "The target is pinned to its release" },
  window_closed: { status: 409, title: "No change may start now" },
  too_many_windows: { status: 409, title: "Too many windows" },
  too_many_overrides: { status: 409, title: "Too many overrides" },
  too_many_plans: { status: 409, title: "Too many plans" },
  duplicate_flag: { status: 409, title: "The flag's key is taken" },
  too_many_flags: { status: 409, title: "Too many flags" },
  flag_archived: { status: 409, title: "The flag is archived" },
  incident_resolved: { status: 409, title: "The incident is resolved" },
  target_missing: { status: 409, title: "The tenant has no such target" },
  managed_by_manifest: { status: 409, title: "The tenant is managed by a manifest" },
  routing_not_held: { status: 409, title: "The plane's routing is not held" },
  duplicate_domain: { status: 409, title: "The tenant has claimed the domain already" },
  too_many_domains: { status: 409, title: "Too many domains" },
  domain_taken: { status: 409, title: "Another tenant has the domain" },
  dns_unavailable: { status: 409, title: "The DNS does not answer" },
  domain_not_verified: { status: 409, title: "The domain's record is not there" },
  duplicate_meter: { status: 409, title: "The meter's key is taken" },
  too_many_meters: { status: 409, title: "Too many meters" },
  quota_exceeded: { status: 409, title: "The tenant's quota is used up" },
  connector_retired: { status: 409, title: "The connector takes no new instances" },
  duplicate_integration: { status: 409, title: "The integration's name is taken" },
  too_many_integrations: { status: 409, title: "Too many integrations" },
  idempotency_in_progress: { status: 409, title: "The first request with this key is still running" },
  audit_checkpoint_missing: { status: 409, title: "No checkpoint vouches for it yet" },
  audit_broken: { status: 409, title: "The audit trail is not what it was" },
  api_key_ended: { status: 409, title: "The key is revoked or has expired" },
  last_admin_key: { status: 409, title: "The last admin key cannot be revoked" },
  version_conflict: { status: 412, title: "The record has changed meanwhile" },
  body_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body has a type that is not taken" },
  invalid_request: { status: 422, title: "The request is not valid" },
  manifest_invalid: { status: 422, title: "The manifests are not valid" },
  cohort_empty: { status: 422, title: "The cohort selects nobody" },
  cohort_too_large: { status: 422, title: "The cohort selects too many" },
  isolation_not_in_plan: { status: 422, title: "The plan does not offer that isolation" },
  catalog_invalid: { status: 422, title: "The catalog is not valid" },
  unknown_capability: { status: 422, title: "No such capability" },
  unknown_plan: { status: 422, title: "No such plan" },
  image_not_found: { status: 422, title: "No such image" },
  image_tag_refused: { status: 422, title: "Images are named by digest here" },
  image_registry_refused: { status: 422, title: "Images are not taken from there" },
  domain_refused: { status: 422, title: "No domain that a tenant can have" },
  secret_value_refused: { status: 422, title: "Secrets are referenced, never sent" },
  audit_too_large: { status: 422, title: "Too much for one answer" },
  confirmation_mismatch: { status: 422, title: "The confirmation does not match" },
  idempotency_key_reuse: { status: 422, title: "The idempotency key belongs to another request" },
  queue_full: { status: 429, title: "Too many operations wait" },
  rate_limited: { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "The service failed" },
  state_unavailable: { status: 502, title: "The Pulumi state cannot be read" },
  image_registry_unavailable: { status: 502, title: "The image registry does not answer" },
  routing_store_unavailable: { status: 502, title: "The plane's routing store does not answer" },
  not_ready: { status: 503, title: "The service is not ready" },
  busy: { status: 503, title: "The service has too much to do" },
  storage_full: { status: 507, title: "The service's storage is full" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;
export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

export const fieldErrorSchema = z
  .object({
    path: z
      .string()
      .meta({ description: "Where in the request, such as body.labels.tier", example: "body.slug" }),
    message: z.string(),
    file: z.string().optional().meta({ description: "Of a manifest: where it came from" }),
    line: z.int().optional(),
    column: z.int().optional(),
    value: z.unknown().optional().meta({ description: "What was sent; left out where it could be a secret" }),
    hint: z.string().optional().meta({ description: "What to send instead" }),
  })
  .meta({ id: "FieldError" });
export type FieldError = z.output<typeof fieldErrorSchema>;

export const policyReasonSchema = z
  .object({
    policyId: z.string().meta({ example: "downgrade-reason" }),
    reason: z.string(),
    advice: z.string().nullable().meta({ description: "What to change; null where the policy does not say" }),
  })
  .meta({ id: "PolicyReason" });
export type PolicyReasonText = z.output<typeof policyReasonSchema>;

/** RFC 9457, with our stable `code` and what a person can do about it. */
export const problemSchema = z
  .object({
    type: z.string().meta({ example: "urn:tenantry:problem:duplicate_slug" }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(ERROR_CODES),
    hint: z.string().optional(),
    errors: z.array(fieldErrorSchema),
    requestId: z.string().optional(),
    reasons: z
      .array(policyReasonSchema)
      .optional()
      .meta({ description: "The policies that forbid it, why, and what to change" }),
    policyVersion: z.string().optional().meta({ description: "The set of policies that decided" }),
    operationId: z.string().optional().meta({ description: "The operation that is in the way" }),
    rolloutId: z.string().optional().meta({ description: "The rollout that is in the way" }),
    legalTransitions: z
      .array(z.object({ action: z.string(), to: z.string() }))
      .optional()
      .meta({ description: "What the tenant's status allows" }),
  })
  .meta({ id: "Problem" });
export type Problem = z.output<typeof problemSchema>;

export interface ProblemOptions {
  readonly detail: string;
  readonly hint?: string;
  readonly errors?: readonly FieldError[];
  readonly reasons?: readonly PolicyReasonText[];
  readonly policyVersion?: string;
  readonly operationId?: string;
  readonly rolloutId?: string;
  readonly legalTransitions?: readonly { action: string; to: string }[];
  /** Whom it is about where the path does not say; for the audit trail only, never sent. */
  readonly tenantId?: string;
  /** For the log only; never sent. */
  readonly cause?: unknown;
}

/** The one error every layer throws for what the caller may see. */
export class ProblemError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly options: ProblemOptions;

  constructor(code: ErrorCode, options: ProblemOptions) {
    super(options.detail, { cause: options.cause });
    this.name = "ProblemError";
    this.code = code;
    this.status = ERRORS[code].status;
    this.options = options;
  }

  toProblem(requestId?: string): Problem {
    const { cause: _cause, tenantId: _whom, errors, legalTransitions, reasons, ...members } = this.options;
    return {
      type: `urn:tenantry:problem:${this.code}`,
      title: ERRORS[this.code].title,
      status: this.status,
      code: this.code,
      ...members,
      errors: [...(errors ?? [])],
      ...(reasons ? { reasons: [...reasons] } : {}),
      ...(legalTransitions ? { legalTransitions: [...legalTransitions] } : {}),
      ...(requestId ? { requestId } : {}),
    };
  }
}
