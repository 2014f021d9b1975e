import { z } from "zod";
import { planeNamesSchema, reasonSchema, releaseNumberSchema, tenantIdSchema } from "./common.ts";
import type { ErrorCode } from "./errors.ts";
import { operationAcceptedSchema, operationOptions } from "./operation.ts";
import { PLACING_ERRORS } from "./placement.ts";
import { defineRoutes } from "./route.ts";
import { suspensionModeSchema, tenantUpdateSchema } from "./tenant.ts";

/** What can be asked of a tenant that is to run or to rest. Archives are in archive.ts, its end in decommission.ts. */

const planes = planeNamesSchema.min(1).optional().meta({ description: "All of the tenant's when left out" });
const reason = reasonSchema.optional().meta({ description: "Kept in the audit trail" });

const emergency = z
  .strictObject({ reason: reasonSchema })
  .optional()
  .meta({ description: "Starts outside windows and in a freeze all the same; audited" });

export const tenantActivateSchema = z
  .strictObject({ planes, releaseNumber: releaseNumberSchema.optional(), reason, ...operationOptions })
  .meta({ id: "TenantActivate", example: { planes: ["dev-eu-west-1"] } });
export type TenantActivate = z.output<typeof tenantActivateSchema>;

export const tenantDeploySchema = z
  .strictObject({
    planes,
    releaseNumber: releaseNumberSchema.optional().meta({ description: "The target's own when left out" }),
    force: z.boolean().default(false).meta({ description: "Run the engine even when nothing has changed" }),
    emergency,
    reason,
    ...operationOptions,
  })
  .meta({ id: "TenantDeploy", example: { releaseNumber: 2 } });
export type TenantDeploy = z.output<typeof tenantDeploySchema>;

export const tenantReconfigureSchema = z
  .strictObject({ change: tenantUpdateSchema, emergency, reason, ...operationOptions })
  .meta({
    id: "TenantReconfigure",
    example: { change: { config: { settings: { LOG_LEVEL: "debug" } } }, reason: "looking for a fault" },
  });
export type TenantReconfigure = z.output<typeof tenantReconfigureSchema>;

export const tenantSuspendSchema = z
  .strictObject({
    planes,
    mode: suspensionModeSchema.optional().meta({
      description:
        "workloads: tasks and autoscaling to zero. access: the workloads go on, the tenant's users are told that it " +
        "is suspended. The tenant's suspensionMode when left out.",
    }),
    reason,
    ...operationOptions,
  })
  .meta({ id: "TenantSuspend", example: { reason: "invoice 4711 is overdue" } });
export type TenantSuspend = z.output<typeof tenantSuspendSchema>;

export const tenantReactivateSchema = z
  .strictObject({
    planes,
    releaseNumber: releaseNumberSchema.optional().meta({
      description:
        "When left out: what the rollouts that passed it by would have brought, else the one it had",
    }),
    reason,
    ...operationOptions,
  })
  .meta({ id: "TenantReactivate", example: {} });
export type TenantReactivate = z.output<typeof tenantReactivateSchema>;

export const tenantRotateCredentialsSchema = z
  .strictObject({ planes, reason, ...operationOptions })
  .meta({ id: "TenantRotateCredentials", example: { reason: "an operator left" } });
export type TenantRotateCredentials = z.output<typeof tenantRotateCredentialsSchema>;

const params = z.strictObject({ tenantId: tenantIdSchema });
const runs = [
  "tenant_not_found",
  "illegal_transition",
  "operation_in_progress",
  "target_missing",
  "managed_by_manifest",
  "version_conflict",
] as const satisfies readonly ErrorCode[];
const GATES = [
  "target_pinned",
  "release_incompatible",
  "window_closed",
] as const satisfies readonly ErrorCode[];
const tenantRun = {
  method: "post",
  tag: "Tenants",
  role: "fleet_operator",
  params,
  status: 202,
  ifMatch: "tenant",
} as const;
const tenantPath = "/v1/control-plane/tenants/:tenantId";

export const tenantLifecycleRoutes = defineRoutes({
  tenantReconfigure: {
    ...tenantRun,
    path: `${tenantPath}/reconfigure`,
    summary: "Change a tenant's record and bring the change to its targets",
    description: `One operation a target; none when nothing changes or nothing of the tenant runs. Send If-Match to change only what you have read.`,
    body: tenantReconfigureSchema,
    response: operationAcceptedSchema,
    errors: [
      ...["tenant_not_found", "illegal_transition", "operation_in_progress", "unknown_plan"],
      ...["secret_value_refused", "version_conflict", "managed_by_manifest"],
      ...[...PLACING_ERRORS, "isolation_change_needs_migration", "window_closed"],
    ] as const,
  },
  tenantActivate: {
    ...tenantRun,
    path: `${tenantPath}/activate`,
    summary: "Provision a draft on its planes",
    body: tenantActivateSchema,
    bodyOptional: true,
    response: operationAcceptedSchema,
    errors: [
      ...runs,
      ...PLACING_ERRORS,
      "plane_missing",
      "plane_incomplete",
      "release_missing",
      "release_not_found",
      "target_pinned",
    ],
  },
  tenantDeploy: {
    ...tenantRun,
    path: `${tenantPath}/deploy`,
    summary: "Bring targets to the current record and a release",
    description: "Naming a plane where the tenant is not yet adds a target there.",
    body: tenantDeploySchema,
    bodyOptional: true,
    response: operationAcceptedSchema,
    errors: [
      ...runs,
      ...PLACING_ERRORS,
      "plane_missing",
      "plane_incomplete",
      "release_missing",
      "release_not_found",
      ...GATES,
    ],
  },
  tenantSuspend: {
    ...tenantRun,
    path: `${tenantPath}/suspend`,
    summary: "Stop the workloads, or block access only, and keep the data",
    body: tenantSuspendSchema,
    bodyOptional: true,
    response: operationAcceptedSchema,
    errors: [...runs],
  },
  tenantReactivate: {
    ...tenantRun,
    path: `${tenantPath}/reactivate`,
    summary: "Start the workloads of a suspended tenant",
    body: tenantReactivateSchema,
    bodyOptional: true,
    response: operationAcceptedSchema,
    errors: [...runs, "release_not_found", "target_pinned", "release_incompatible"],
  },
  tenantRotateCredentials: {
    ...tenantRun,
    path: `${tenantPath}/rotate-credentials`,
    summary: "Give the tenant's services a new database password",
    description:
      "Writes a new login's password into the tenant's secrets and starts the services anew; the login of before works until the next rotation, so nothing is interrupted.",
    body: tenantRotateCredentialsSchema,
    bodyOptional: true,
    response: operationAcceptedSchema,
    errors: [
      ...["tenant_not_found", "illegal_transition", "operation_in_progress", "target_missing"],
      "version_conflict",
    ] as const,
  },
});
