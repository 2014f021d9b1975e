import { randomUUID } from "node:crypto";
import grpc from "@grpc/grpc-js";
import providerMessages from "@pulumi/pulumi/proto/provider_pb.js";
import statusMessages from "@pulumi/pulumi/proto/status_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import { AwsError, renderAwsError } from "../awsError.ts";
import { CallAborted } from "../faults.ts";
import type { DataSource, Properties, ResourceType } from "../resourceType.ts";
import { errorText } from "../undeclaredErrors.ts";
import { encode } from "./wire.ts";

export type ResourceOperation = "create" | "read" | "update" | "delete";

const VERBS = { create: "creating", read: "reading", update: "updating", delete: "deleting" } as const;

/** The text the real provider would show for a refusal. */
export function describeFailure(
  error: unknown,
  type: ResourceType,
  operation: ResourceOperation,
  subject: string,
): string {
  if (!(error instanceof AwsError)) return error instanceof Error ? error.message : String(error);
  return renderAwsError(error, {
    verb: VERBS[operation],
    noun: type.api.noun,
    subject,
    service: type.api.service,
    operation: type.api[operation],
    requestId: randomUUID(),
  });
}

/** The text for a refused look-up. */
export function awsMessage(error: unknown, source: DataSource): string {
  if (!(error instanceof AwsError)) return error instanceof Error ? error.message : String(error);
  const { service = "AWS", operation = source.token } = source.api ?? {};
  return (
    `operation error ${service}: ${operation}, https response error StatusCode: ${error.httpStatus}, ` +
    `RequestID: ${randomUUID()}, ${errorText(service, error)}`
  );
}

export function serviceError(error: unknown): Partial<grpc.ServiceError> {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof CallAborted ? grpc.status.CANCELLED : grpc.status.UNKNOWN;
  return { code, details: message };
}

/** An object that exists but is not as it should be: the engine keeps it in state and says why. */
export class PartialFailure extends Error {
  readonly id: string;
  readonly properties: Properties;
  readonly secret: readonly string[];

  constructor(reason: string, resource: { id: string; properties: Properties; secret: readonly string[] }) {
    super(reason);
    this.name = "PartialFailure";
    this.id = resource.id;
    this.properties = resource.properties;
    this.secret = resource.secret;
  }
}

/** gRPC carries structured errors in a trailer of this name. */
const DETAILS_TRAILER = "grpc-status-details-bin";

export function partialFailureError(failure: PartialFailure): Partial<grpc.ServiceError> {
  const detail = new providerMessages.ErrorResourceInitFailed();
  detail.setId(failure.id);
  detail.setProperties(encode(failure.properties, failure.secret));
  detail.setReasonsList([failure.message]);
  const packed = new any.Any();
  packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new statusMessages.Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(failure.message);
  status.addDetails(packed);
  const metadata = new grpc.Metadata();
  metadata.add(DETAILS_TRAILER, Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: failure.message, metadata };
}
