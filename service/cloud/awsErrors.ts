import { type CloudErrorCode, CloudRuntimeError } from "./cloudRuntime.ts";
import type { Permit } from "./permit.ts";

const KNOWN: Readonly<Record<string, CloudErrorCode>> = {
  NoSuchKey: "object_not_found",
  NotFound: "object_not_found",
  NoSuchBucket: "bucket_not_found",
  PreconditionFailed: "object_exists",
};

/** An error with a code of ours, such as one of a stream that was being written: it says more than S3 could. */
function hasOwnCode(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    "code" in thrown &&
    typeof thrown.code === "string" &&
    /^[a-z_]+$/.test(thrown.code)
  );
}

/** Turns what the SDK throws into the seam's own error. */
export async function asked<T>(what: string, ask: () => Promise<T>, permit?: Permit): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (hasOwnCode(cause)) throw cause;
    permit?.check();
    const {
      name = "Error",
      message = "",
      $metadata,
    } = cause as Partial<Error> & { $metadata?: { httpStatusCode?: number } };
    const status = $metadata?.httpStatusCode;
    if (name === "ClusterNotFoundException") {
      throw new CloudRuntimeError("cluster_not_found", `Cannot ask ${what}: ${message}`, {
        retryable: false,
        cause,
      });
    }
    const known = KNOWN[name];
    if (known !== undefined) {
      throw new CloudRuntimeError(known, `${what} refused: ${message}`, { retryable: false, cause });
    }
    if (status === undefined) {
      const text = `Cannot reach ${what}: ${name}: ${message}`;
      throw new CloudRuntimeError("cloud_unreachable", text, { retryable: !/Credential/i.test(name), cause });
    }
    const retryable =
      status >= 500 ||
      status === 429 ||
      /Throttl|TooManyRequests|LimitExceeded|ConditionalRequestConflict/.test(name);
    throw new CloudRuntimeError("cloud_refused", `${what} refused: ${name}: ${message}`, {
      retryable,
      cause,
    });
  }
}
