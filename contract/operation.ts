import { z } from "zod";
import { at, pageOf, pageQuery, tenantIdSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import {
  COMPENSATIONS,
  JOURNAL_ENTRY_TYPES,
  ON_FAILURE,
  OPERATION_KINDS,
  OPERATION_STATUSES,
} from "./vocabulary.ts";

/** Part of every request that gives operations. */
export const operationOptions = {
  onFailure: z
    .enum(ON_FAILURE)
    .optional()
    .meta({
      description:
        "compensate (default): a failed or cancelled operation is undone, so that the target is as it was before, unless it had " +
        "begun what cannot be undone. " +
        "keep: what was made stays, for you to look at, to retry from the failed step, or to go on from.",
    }),
  deadlineMs: z.int().min(1_000).max(86_400_000).optional().meta({
    description: "From its beginning on; past it the operation is cancelled. Each kind has its own default.",
  }),
};

export const operationErrorSchema = z
  .object({
    code: z.string(),
    message: z.string().meta({ description: "In plain words, without secrets" }),
    retryable: z.boolean(),
    step: z.string().optional().meta({ description: "The step that failed" }),
    resource: z.string().optional().meta({ description: "URN of the resource that failed" }),
    providerMessage: z.string().optional().meta({ description: "The provider's own words, without secrets" }),
    undo: z
      .object({ step: z.string(), code: z.string(), message: z.string() })
      .optional()
      .meta({ description: "Why the undoing failed too; the target then needs a person" }),
  })
  .meta({ id: "OperationError" });

export const operationStepSchema = z
  .object({
    name: z.string(),
    direction: z.enum(["do", "undo"]),
    status: z.enum(["running", "succeeded", "failed"]),
    attempt: z.int(),
    startedAt: at,
    finishedAt: at.nullable(),
    message: z.string().nullable(),
  })
  .meta({ id: "OperationStep" });
export type OperationStep = z.output<typeof operationStepSchema>;

export const operationSchema = z
  .object({
    operationId: uuid,
    kind: z.enum(OPERATION_KINDS),
    status: z.enum(OPERATION_STATUSES),
    tenantId: tenantIdSchema.nullable(),
    targetId: uuid.nullable(),
    planeName: z.string().nullable(),
    rolloutId: uuid.nullable(),
    currentStep: z.string().nullable(),
    attempt: z.int().meta({ description: "Grows when the operation is resumed after a restart" }),
    reason: z.string().nullable(),
    error: operationErrorSchema.nullable(),
    onFailure: z.enum(ON_FAILURE),
    compensation: z
      .enum(COMPENSATIONS)
      .nullable()
      .meta({ description: "How the undoing stands; null while nothing has been undone" }),
    retryOf: uuid.nullable().meta({ description: "The operation that this one tries again" }),
    deadlineAt: at.nullable().meta({ description: "When it is cancelled; counted from its beginning" }),
    requestedBy: z.string(),
    requestId: z.string(),
    correlationId: z.string(),
    createdAt: at,
    updatedAt: at,
    cancelRequestedAt: at.nullable().meta({
      description: "When its cancellation was taken; it ends once what it made is undone, or stays",
    }),
    startedAt: at.nullable(),
    finishedAt: at.nullable(),
  })
  .meta({ id: "Operation" });
export type Operation = z.output<typeof operationSchema>;

export const operationDetailSchema = operationSchema
  .extend({ steps: z.array(operationStepSchema) })
  .meta({ id: "OperationDetail" });
export type OperationDetail = z.output<typeof operationDetailSchema>;

export const operationAcceptedSchema = z.object({ operations: z.array(operationSchema) }).meta({
  id: "OperationsAccepted",
  description: "One operation a target; none when there was nothing to do",
});
export type OperationAccepted = z.output<typeof operationAcceptedSchema>;

/** What one event of the stream carries as data; its SSE id is the sequence. */
export const journalEntrySchema = z
  .object({
    operationId: uuid,
    sequence: z.int(),
    type: z.enum(JOURNAL_ENTRY_TYPES),
    step: z.string().nullable(),
    attempt: z.int(),
    message: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
    at,
  })
  .meta({ id: "JournalEntry" });
export type JournalEntry = z.output<typeof journalEntrySchema>;

export const operationListQuerySchema = z.strictObject({
  ...pageQuery,
  status: z.enum(OPERATION_STATUSES).optional(),
  tenantId: tenantIdSchema.optional(),
  targetId: uuid.optional(),
  rolloutId: uuid.optional(),
});
export type OperationListQuery = z.output<typeof operationListQuerySchema>;

export const operationRetrySchema = z
  .strictObject({ ...operationOptions, reason: z.string().trim().min(3).max(500).optional() })
  .meta({ id: "OperationRetry" });
export type OperationRetry = z.output<typeof operationRetrySchema>;

const params = z.strictObject({ operationId: uuid });

export const operationRoutes = defineRoutes({
  operationList: {
    method: "get",
    path: "/v1/control-plane/operations",
    tag: "Operations",
    summary: "List operations, newest first",
    role: "auditor",
    query: operationListQuerySchema,
    status: 200,
    response: pageOf(operationSchema, "OperationPage"),
    errors: ["tenant_not_found"],
  },
  operationGet: {
    method: "get",
    path: "/v1/control-plane/operations/:operationId",
    tag: "Operations",
    summary: "Get an operation with its steps",
    role: "auditor",
    params,
    status: 200,
    response: operationDetailSchema,
    errors: ["operation_not_found"],
  },
  operationEvents: {
    method: "get",
    path: "/v1/control-plane/operations/:operationId/events",
    tag: "Operations",
    summary: "Follow an operation's journal as Server-Sent Events",
    description:
      "Ordered, from the beginning or after Last-Event-ID; ends with an `end` event. Each data is a JournalEntry.",
    role: "auditor",
    params,
    status: 200,
    produces: "text/event-stream",
    errors: ["operation_not_found", "busy"],
  },
  operationCancel: {
    method: "post",
    path: "/v1/control-plane/operations/:operationId/cancel",
    tag: "Operations",
    summary: "Ask an operation to stop",
    description:
      "It stops at the next safe point; what was done is undone. It stays when the operation was asked to keep it or had begun what " +
      "cannot be undone: then the operation's error says so. " +
      "An operation that is being undone already cannot be cancelled.",
    role: "fleet_operator",
    params,
    body: z
      .strictObject({ reason: z.string().trim().min(3).max(500).optional() })
      .meta({ id: "OperationCancel" }),
    bodyOptional: true,
    status: 202,
    response: operationSchema,
    errors: ["operation_not_found", "operation_finished", "operation_compensating"],
  },
  operationRetry: {
    method: "post",
    path: "/v1/control-plane/operations/:operationId/retry",
    tag: "Operations",
    summary: "Try a failed or cancelled operation again",
    description:
      "A new operation that names this one as retryOf. It begins at the step that failed when nothing was undone, " +
      "else from the start. Only the newest operation of its target can be retried.",
    role: "fleet_operator",
    params,
    body: operationRetrySchema,
    bodyOptional: true,
    status: 202,
    response: operationSchema,
    errors: ["operation_not_found", "operation_not_retryable", "operation_in_progress"],
  },
});
