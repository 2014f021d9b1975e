import { errorText } from "./undeclaredErrors.ts";

/**
 * A refusal by the emulated AWS. Types throw it with AWS's own code and wording; the provider service renders it as
 * the real provider does, because users and their tools match on that text.
 */
export class AwsError extends Error {
  readonly code: string;
  readonly httpStatus: number;
  /** The API operation that refused, when it is not the type's own (a create that calls PutBucketTagging, say). */
  readonly operation: string | undefined;

  constructor(code: string, message: string, httpStatus = 400, operation?: string) {
    super(message);
    this.name = "AwsError";
    this.code = code;
    this.httpStatus = httpStatus;
    this.operation = operation;
  }
}

export interface FailedCall {
  readonly verb: "creating" | "reading" | "updating" | "deleting" | "waiting for";
  /** "ECS Service". */
  readonly noun: string;
  /** Name or id, whichever the call knew. */
  readonly subject: string;
  /** "ECS". */
  readonly service: string;
  /** "CreateService". */
  readonly operation: string;
  readonly requestId: string;
}

/** `creating ECS Service (web): operation error ECS: CreateService, https response error StatusCode: 400, …`. */
export function renderAwsError(error: AwsError, call: FailedCall): string {
  return (
    `${call.verb} ${call.noun} (${call.subject}): operation error ${call.service}: ` +
    `${error.operation ?? call.operation}, https response error StatusCode: ${error.httpStatus}, ` +
    `RequestID: ${call.requestId}, ${errorText(call.service, error)}`
  );
}
